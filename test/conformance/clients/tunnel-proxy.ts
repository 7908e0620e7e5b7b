/* Chatter's WebSocket tunnel, both halves, in front of the suite's reference server. */
import { createClient } from "@connectrpc/connect";
import { WebSocket } from "ws";
import { createWebSocketTransport } from "../../../src/client/node.js";
import { ConformanceService } from "../gen/connectrpc/conformance/v1/service_pb.js";
import { runClient } from "./client-program.js";
import { startProxy } from "./proxy.js";
import { messageOptions } from "./requested.js";

await runClient(async (request) => {
  const proxy = await startProxy(request);
  const transport = createWebSocketTransport({
    baseUrl: proxy.url,
    webSocket: WebSocket,
    ...messageOptions(request),
  });
  return { client: createClient(ConformanceService, transport), close: proxy.close };
});
