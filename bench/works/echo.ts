import { deferred } from "../load/connection.js";
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
