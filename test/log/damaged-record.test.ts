import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { ClassicLevel } from "classic-level";
import { expect, onTestFinished, test } from "vitest";
import { openLevelLog } from "../../src/server/log/level-log.js";
import { messagesKey } from "../../src/server/log/record.js";
import { post, posts, texts } from "../support/log-messages.js";
import { tempDir } from "../support/temp-dir.js";

/** A log of ten records of ten messages each, changed behind its back. */
async function damaged(change: (level: ClassicLevel<Buffer, Buffer>) => Promise<void>) {
  const dir = tempDir();
  const before = await openLevelLog({ dir });
  for (let i = 0; i < 10; i++) {
    await before.append(posts(10, `record ${i}`));
  }
  await before.close();
  const level = new ClassicLevel<Buffer, Buffer>(join(dir, "messages"), {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
  });
  await change(level);
  await level.close();
  const errors: string[] = [];
  const logger = {
    info: () => {},
    warn: () => {},
    error: (_: object, message: string) => errors.push(message),
  };
  const log = await openLevelLog({ dir, logger });
  onTestFinished(() => log.close());
  return { log, errors };
}

const loss = (first: number, last: number) =>
  expect.objectContaining({
    code: Code.DataLoss,
    rawMessage: `messages ${first} to ${last} of the log are damaged or missing on the disk`,
  });

async function flip(level: ClassicLevel<Buffer, Buffer>, last: number, at: number) {
  const value = (await level.get(messagesKey(last)))!;
  value[at]! ^= 1;
  await level.put(messagesKey(last), value);
}

test.each([
  ["its payload", 200],
  ["its checksum", 0],
  ["its header", 10],
])(
  "a record damaged in %s is data_loss with its range, and what follows is there",
  async (_, at) => {
    const { log } = await damaged((level) => flip(level, 50, at));
    expect(await log.read(0)).toMatchObject({ first: 1, last: 40 });
    for (const after of [40, 45]) {
      await expect(log.read(after)).rejects.toEqual(loss(after + 1, 50));
    }
    expect(await texts(log, 50)).toHaveLength(50);
  },
);

test("a missing record is data_loss with its range", async () => {
  const { log } = await damaged(async (level) => {
    await level.del(messagesKey(50));
    await level.del(messagesKey(60));
  });
  await expect(log.read(40)).rejects.toEqual(loss(41, 60));
  expect(await texts(log, 60)).toHaveLength(40);
});

test("a record under another one's key is data_loss", async () => {
  const { log } = await damaged(async (level) => {
    await level.put(messagesKey(50), (await level.get(messagesKey(60)))!);
  });
  await expect(log.read(40)).rejects.toEqual(loss(41, 50));
});

test.each([
  ["missing", (level: ClassicLevel<Buffer, Buffer>) => level.del(messagesKey(100))],
  ["damaged", (level: ClassicLevel<Buffer, Buffer>) => flip(level, 100, 200)],
])(
  "a %s last record is reported at once, and its sequences are not used again",
  async (_, change) => {
    const { log, errors } = await damaged(change);
    expect(errors).toHaveLength(1);
    expect(log.head).toBe(100);
    await expect(log.read(90)).rejects.toEqual(loss(91, 100));
    expect((await log.append([post("next")])).positions[0]?.sequence).toBe(101);
    await expect(log.read(90)).rejects.toEqual(loss(91, 100));
    expect(await texts(log, 100)).toEqual(["next"]);
  },
);

test("retention removes damaged records with those around them", async () => {
  const dir = tempDir();
  const before = await openLevelLog({ dir });
  for (let i = 0; i < 10; i++) {
    await before.append(posts(10));
  }
  await before.close();
  const level = new ClassicLevel<Buffer, Buffer>(join(dir, "messages"), {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
  });
  await flip(level, 10, 200);
  await level.del(messagesKey(30));
  await level.close();
  const log = await openLevelLog({ dir, retention: { maxMessages: 50 } });
  onTestFinished(() => log.close());
  await expect.poll(() => log.first, { timeout: 10_000 }).toBe(51);
  expect(await texts(log)).toHaveLength(50);
});
