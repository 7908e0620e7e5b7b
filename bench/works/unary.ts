import type { GrpcConnection } from "../load/grpc-connection.js";
import { openJsonConnection } from "../load/json-connection.js";
import type { Server } from "../servers.js";
import { measure, perMessage, type Session, type Work } from "../work.js";

const inFlight = 64;

/** A session whose rounds are calls, each of these callers making one after the other. */
function calling(
  server: Server,
  callers: readonly (() => Promise<void>)[],
  calls: number,
  end: () => void,
): Session {
  return {
    async round() {
      let left = calls;
      async function callOn(call: () => Promise<void>): Promise<void> {
        while (left-- > 0) {
          await call();
        }
      }
      const found = await measure(server, async () => {
        await Promise.all(callers.map(callOn));
      });
      return perMessage(calls, found);
    },
    end,
  };
}

/** Health checks on one connection, 64 in flight. */
export const unary: Work = {
  name: "unary",
  unit: "CPU µs a message",
  servers: [
    "chatter-memory",
    "chatter-durable",
    "grpc-js",
    "connect-node",
    "grpc-go",
    "connect-go",
  ],
  async prepare(server, { quick }) {
    const connection = (await server.connect("grpc")) as GrpcConnection;
    const callers = Array.from({ length: inFlight }, () => () => connection.check());
    return calling(server, callers, quick ? 6_000 : 20_000, () => connection.close());
  },
};

/** Posts of one message each, on one connection, 64 in flight. */
export const postUnary: Work = {
  name: "post-unary",
  unit: "CPU µs a message",
  servers: ["chatter-memory", "chatter-durable", "grpc-js", "grpc-go", "connect-go"],
  async prepare(server, { quick }) {
    const connection = (await server.connect("grpc")) as GrpcConnection;
    const callers = Array.from({ length: inFlight }, () => () => connection.postOne());
    return calling(server, callers, quick ? 6_000 : 20_000, () => connection.close());
  },
};

/** Health checks in JSON over HTTP/1.1, on 64 connections. */
export const unaryHttp1Json: Work = {
  name: "unary-http1-json",
  unit: "CPU µs a message",
  servers: ["chatter-memory", "fastify", "connect-go"],
  async prepare(server, { quick }) {
    const connections = await Promise.all(
      Array.from({ length: inFlight }, () => openJsonConnection(server)),
    );
    const callers = connections.map((connection) => async () => {
      const answer = await connection.call("/grpc.health.v1.Health/Check", "{}");
      if (answer !== '{"status":"SERVING"}') {
        throw new Error(`the answer to a check is ${answer}`);
      }
    });
    return calling(server, callers, quick ? 6_000 : 20_000, () => {
      for (const connection of connections) {
        connection.close();
      }
    });
  },
};
