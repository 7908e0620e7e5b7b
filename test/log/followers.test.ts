import { expect, onTestFinished, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import type { MessageLog } from "../../src/server/log/message-log.js";
import { openNatsLog } from "../../src/server/log/nats/nats-log.js";
import { decode, headBeyond, post, rounds } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { tempDir } from "../support/temp-dir.js";

const writers = 64;

/** Follows the log from a position until it has seen this many messages; `pause` makes it slow. */
async function follow(log: MessageLog, after: number, count: number, pause: () => Promise<void>) {
  const seen: string[] = [];
  for (let last = after; seen.length < count; ) {
    const batch = await log.read(last);
    if (batch === undefined) {
      await headBeyond(log, last);
      continue;
    }
    for (const message of decode(batch)) {
      last++;
      if (Number(message.sequence) !== last) {
        throw new Error(`message ${message.sequence} where ${last} was due`);
      }
      seen.push(message.message);
    }
    await pause();
  }
  return seen;
}

async function openNats() {
  const { address } = await startNats();
  return openNatsLog({
    address: { servers: [address] },
    stream: "chatter",
    retention: {},
    dedupeMs: 600_000,
    timeoutMs: 10_000,
  });
}

test.each<readonly [string, () => Promise<MessageLog>]>([
  ["in memory", async () => createMemoryLog()],
  ["on files", () => openFileLog({ dir: tempDir() })],
  ...(hasNats ? [["on NATS JetStream", openNats] as const] : []),
])(
  "while 64 writers post, each reader sees each message once, in order: %s",
  async (_, open) => {
    const log = await open();
    onTestFinished(() => log.close());
    const each = 50 * rounds(2);
    const total = writers * each;
    const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
    await log.append([post("before")]);
    const follower = follow(log, log.head, total, async () => {});
    const slow = follow(log, 0, total + 1, () => sleep(3));
    let late: Promise<string[]> | undefined;

    const places = new Map<number, string>();
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        for (let i = 0; i < each; i++) {
          // Some texts are long, so that readers fall behind what is held in memory.
          const text = `${writer}-${i} `.padEnd(i % 10 === 0 ? 20_000 : 0, "x");
          const { positions } = await log.append([post(text)]);
          places.set(positions[0]!.sequence, text);
          late ??= i === each / 2 ? follow(log, 0, total + 1, async () => {}) : undefined;
        }
      }),
    );
    const expected = Array.from({ length: total }, (_, i) => places.get(i + 2));
    expect(await follower).toEqual(expected);
    expect((await slow).slice(1)).toEqual(expected);
    expect((await late!).slice(1)).toEqual(expected);
  },
  120_000,
);
