/*
 * The WebSocket tunnel before a Connect service that is not Chatter's: browsers can then do
 * all four kinds of call with it. Here it is gRPC's health service. In a project of your own
 * the generated code is yours, and the bridge comes from "chatter/server".
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createConnectRouter } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus } from "../src/gen/health/v1/health_pb.js";
import { createWebSocketBridge } from "../src/server/websocket/bridge.js";

const { handlers } = createConnectRouter().service(Health, {
  check: () => ({ status: HealthCheckResponse_ServingStatus.SERVING }),
});
const bridge = createWebSocketBridge({ handlers, origins: ["https://app.example"] });
const server = createServer((_, response) => response.writeHead(404).end());
server.on("upgrade", bridge.upgrade);
server.listen(Number(process.env.PORT ?? 8081), () => {
  console.log(`http://localhost:${(server.address() as AddressInfo).port}`);
});
process.once("SIGTERM", () => {
  server.close();
  void bridge.close();
});
