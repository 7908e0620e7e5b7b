import type { AddressInfo } from "node:net";
import fastify from "fastify";

/*
 * The peer: JSON over HTTP as Fastify's documentation shows it. It answers Chatter's health check
 * as Connect writes it; there is no auth, no limit and no log of calls.
 */

const server = fastify();
server.post<{ Body: { service?: string } }>("/grpc.health.v1.Health/Check", async () => ({
  status: "SERVING",
}));
await server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 });
const { port } = server.server.address() as AddressInfo;
process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
