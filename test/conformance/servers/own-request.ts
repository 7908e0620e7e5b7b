/* A server of the user's own, with Chatter's "request" listener. */
import { createServedChatter } from "./chatter.js";
import { createNodeServer } from "./node-server.js";
import { listenOn, runServer } from "./server-program.js";

await runServer((request) => {
  const { server } = createNodeServer(request);
  server.on("request", createServedChatter(request).requestListener);
  return listenOn(server);
});
