/* The peer: plain connect-node, with the limits and compressions that Chatter has. */
import { compressionBrotli, compressionGzip, connectNodeAdapter } from "@connectrpc/connect-node";
import { conformanceRoutes } from "../service/service.js";
import { createNodeServer } from "./node-server.js";
import { listenOn, runServer } from "./server-program.js";

await runServer((request) => {
  const { server } = createNodeServer(request);
  server.on(
    "request",
    connectNodeAdapter({
      routes: conformanceRoutes(),
      readMaxBytes: request.messageReceiveLimit,
      acceptCompression: [compressionGzip, compressionBrotli],
    }),
  );
  return listenOn(server);
});
