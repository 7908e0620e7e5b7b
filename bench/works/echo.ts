import { type Connection, deferred } from "../load/connection.js";
import { TextChecker } from "../load/texts.js";
import type { Server, Wire } from "../servers.js";
import { measure, percentiles, perMessage, type Sample, type Work } from "../work.js";

function wireOf(server: Server): Wire {
  return server.name === "ws" ? "ws" : "grpc";
}

/** Echoes on one stream, sent as fast as the server reads them. */
export const echoPipelined: Work = {
  name: "echo-pipelined",
  unit: "CPU µs a message",
  servers: ["chatter-memory", "chatter-durable", "grpc-js", "connect-node", "ws"],
  async prepare(server, { quick }) {
    const count = quick ? 60_000 : 200_000;
    return { round: () => echo(server, count, count), end() {} };
  },
};

/** Echoes on one stream, each sent when the previous one is back. */
export const echoPingPong: Work = {
  name: "echo-pingpong",
  unit: "CPU µs a message",
  servers: ["chatter-memory", "chatter-durable", "grpc-js", "connect-node", "ws"],
  async prepare(server, { quick }) {
    const count = quick ? 2_000 : 10_000;
    return { round: () => echo(server, count, 1), end() {} };
  },
};

/** Posters, each with a connection of its own, that wait for the answer before their next message. */
export const posterWorks: readonly Work[] = [1, 64].map((posters) => ({
  name: `posters-${posters}`,
  unit: "CPU µs a message",
  servers: ["chatter-memory", "chatter-durable", "grpc-js"],
  async prepare(server, { quick }) {
    const each = Math.ceil((quick ? 3_000 : 20_000) / Math.sqrt(posters) / 8);
    const connections = await Promise.all(
      Array.from({ length: posters }, () => server.connect(wireOf(server))),
    );
    return {
      async round() {
        const found = await measure(server, async () => {
          await Promise.all(connections.map((connection) => postOneByOne(connection, each)));
        });
        return perMessage(each * posters, found);
      },
      end() {
        for (const connection of connections) {
          connection.close();
        }
      },
    };
  },
}));

async function postOneByOne(connection: Connection, count: number): Promise<void> {
  const checker = new TextChecker();
  const channel = connection.open("echoer", (bytes, start, end) => {
    checker.take(bytes, start, end);
    if (checker.count < count) {
      channel.post(1);
    } else {
      channel.end();
    }
  });
  channel.post(1);
  await channel.whole;
}

/** Echoes on one stream; with one outstanding, also how long each takes. */
export async function echo(server: Server, count: number, outstanding: number): Promise<Sample> {
  const connection = await server.connect(wireOf(server));
  const latencies = new Float64Array(count);
  const all = deferred<void>();
  const checker = new TextChecker();
  let sentAt = 0;
  const channel = connection.open("echoer", (bytes, start, end) => {
    checker.take(bytes, start, end);
    if (outstanding === 1) {
      const now = performance.now();
      latencies[checker.count - 1] = now - sentAt;
      if (checker.count < count) {
        sentAt = now;
        channel.post(1);
      }
    }
    if (checker.count === count) {
      all.resolve();
    }
  });
  channel.whole.catch(all.reject);
  try {
    if (server.name === "ws") {
      await channel.head; // With some servers, the headers of gRPC come with the first answer.
    }
    const found = await measure(server, async () => {
      sentAt = performance.now();
      channel.post(outstanding);
      await all.promise;
      channel.end();
      await channel.whole;
    });
    const sample = perMessage(count, found);
    return outstanding === 1 ? { ...sample, ...percentiles(latencies) } : sample;
  } finally {
    connection.close();
  }
}
