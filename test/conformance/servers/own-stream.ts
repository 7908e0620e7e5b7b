/* A server of the user's own, with Chatter's "stream" listener; HTTP/1.1 has no streams. */
import { createServedChatter } from "./chatter.js";
import { createNodeServer } from "./node-server.js";
import { listenOn, runServer } from "./server-program.js";

await runServer((request) => {
  const chatter = createServedChatter(request);
  const { version, server } = createNodeServer(request);
  if (version === 1) {
    server.on("request", chatter.requestListener);
  } else {
    server.on("stream", chatter.streamListener);
  }
  return listenOn(server);
});
