import { TextChecker } from "../load/texts.js";
import type { Server } from "../servers.js";
import { measure, perMessage, type Work } from "../work.js";
import { openPoster } from "./ingest.js";

/** Short replays are repeated until they took this long, in seconds. */
const leastSeconds = 0.5;

/**
 * The whole log on one stream. A posting stream fills it first; a durable log is opened again after
 * that, so that none of it is in the server's memory.
 */
export const replay: Work = {
  name: "replay",
  unit: "CPU µs a message",
  servers: ["chatter-memory", "chatter-durable", "grpc-js", "connect-node", "ws"],
  async prepare(server, { quick }) {
    const count = quick ? 200_000 : 1_000_000;
    await fillLog(server, count);
    if (server.name === "chatter-durable") {
      await server.restart();
    }
    return {
      async round() {
        let messages = 0;
        const found = await measure(server, async () => {
          messages = await replayRepeatedly(server, count);
        });
        return perMessage(messages, found);
      },
      end() {},
    };
  },
};

/** Posts this many messages on one stream. */
export async function fillLog(server: Server, count: number): Promise<void> {
  const { connection, postAll } = await openPoster(server);
  try {
    await postAll(count);
  } finally {
    connection.close();
  }
}

/** Replays the log, again if that was short. Resolves to the number of messages in all. */
export async function replayRepeatedly(server: Server, count: number): Promise<number> {
  const until = performance.now() + leastSeconds * 1000;
  let messages = 0;
  do {
    await replayAll(server, count);
    messages += count;
  } while (performance.now() < until);
  return messages;
}

/** Reads the whole log and checks that it has this many messages, in order. */
async function replayAll(server: Server, count: number): Promise<void> {
  const connection = await server.connect(server.name === "ws" ? "ws" : "grpc");
  const checker = new TextChecker();
  try {
    const channel = connection.open("history", (bytes, start, end) =>
      checker.take(bytes, start, end),
    );
    await channel.whole;
  } finally {
    connection.close();
  }
  if (checker.count !== count) {
    throw new Error(`${count} messages were stored, ${checker.count} came`);
  }
}
