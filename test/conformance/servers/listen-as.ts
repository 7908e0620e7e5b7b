import { listen } from "../../../src/server/index.js";
import type { Methods } from "../service/service.js";
import { createServedChatter } from "./chatter.js";
import { certificateOf } from "./node-server.js";
import { runServer } from "./server-program.js";

/** Serves these methods by Chatter's `listen`. */
export function listenAs(methods: Methods): Promise<void> {
  return runServer(async (request) => {
    const tls = request.useTls ? certificateOf(request.serverCreds) : undefined;
    const server = await listen(createServedChatter(request, methods), { port: 0, tls });
    return Number(new URL(server.url).port);
  });
}
