import { measure, perMessage, type Work } from "../work.js";
import { echo } from "./echo.js";
import { fanOut } from "./fan-out.js";
import { fillLog, replayRepeatedly } from "./replay.js";

/** Subscribers of a fan-out, each on a connection of its own. */
export const subscriberCounts = [10, 30, 100, 300, 1000, 2000] as const;
/** Messages in a log. */
export const messageCounts = [1_000, 10_000, 100_000, 1_000_000] as const;

/** A multiple of the number of texts, so that the log continues where it left off. */
const appends = 1_000;

/** How cost grows with the number of subscribers. */
export const growingFanOut: readonly Work[] = subscriberCounts.map((connections) => ({
  ...fanOut(`growth-fanout-${connections}`, {
    wire: "grpc",
    connections,
    streams: 1,
    outstanding: 8,
  }),
  servers: ["chatter-memory", "grpc-js"],
}));

/**
 * How cost grows with the log: time until a server with it is ready, its memory then, the replay of
 * everything, and how long one message takes to be stored and answered.
 */
export const growingLog: readonly Work[] = messageCounts.map((count) => ({
  name: `growth-log-${count}`,
  unit: "CPU µs a message",
  servers: ["chatter-durable"],
  async prepare(server) {
    let stored = count;
    await fillLog(server, count);
    return {
      async round() {
        const startMs = await server.restart();
        const rssMiB = (await server.usage()).rss / 2 ** 20;
        let messages = 0;
        const found = await measure(server, async () => {
          messages = await replayRepeatedly(server, stored);
        });
        const { p50, p99 } = await echo(server, appends, 1);
        stored += appends;
        return { ...perMessage(messages, found), p50, p99, startMs, rssMiB };
      },
      end() {},
    };
  },
}));
