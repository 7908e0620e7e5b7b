/* Chatter's WebSocket tunnel, to a Chatter that is under test as well. */
import { createClient } from "@connectrpc/connect";
import { WebSocket } from "ws";
import { createWebSocketTransport } from "../../../src/client/node.js";
import { ConformanceService } from "../gen/connectrpc/conformance/v1/service_pb.js";
import { authorization } from "../servers/chatter.js";
import { runClient } from "./client-program.js";
import { messageOptions, tlsOptions, urlOf } from "./requested.js";

await runClient((request) => {
  const transport = createWebSocketTransport({
    baseUrl: urlOf(request),
    webSocket: WebSocket,
    webSocketOptions: tlsOptions(request),
    interceptors: [
      (next) => (call) => {
        call.header.set("authorization", authorization);
        return next(call);
      },
    ],
    ...messageOptions(request),
  });
  return { client: createClient(ConformanceService, transport) };
});
