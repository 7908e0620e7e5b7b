import type { GrpcConnection } from "../load/grpc-connection.js";
import { measure, perMessage, type Work } from "../work.js";

const inFlight = 64;

/** Health checks on one connection, 64 in flight. */
export const unary: Work = {
  name: "unary",
  unit: "CPU µs a message",
  servers: ["chatter-memory", "chatter-durable", "grpc-js", "connect-node"],
  async prepare(server, { quick }) {
    const connection = (await server.connect("grpc")) as GrpcConnection;
    const calls = quick ? 6_000 : 20_000;
    return {
      async round() {
        let left = calls;
        async function callOn(): Promise<void> {
          while (left-- > 0) {
            await connection.check();
          }
        }
        const found = await measure(server, async () => {
          await Promise.all(Array.from({ length: inFlight }, callOn));
        });
        return perMessage(calls, found);
      },
      end: () => connection.close(),
    };
  },
};
