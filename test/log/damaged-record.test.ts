import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { itemHeaderLength } from "../../src/server/log/file/segments/item.js";
import { post, posts, texts } from "../support/log-messages.js";
import { change, flip, recordOf, zero } from "../support/segments.js";
import { tempDir } from "../support/temp-dir.js";

/** A log of ten records of ten messages each, changed behind its back. */
async function damaged(damage: (dir: string) => void) {
  const dir = tempDir();
  const before = await openFileLog({ dir });
  for (let i = 0; i < 10; i++) {
    await before.append(posts(10, `record ${i}`));
  }
  await before.close();
  damage(dir);
  const errors: string[] = [];
  const logger = {
    info: () => {},
    warn: () => {},
    error: (_: object, message: string) => errors.push(message),
  };
  const log = await openFileLog({ dir, logger });
  onTestFinished(() => log.close());
  return { log, errors };
}

const loss = (first: number, last: number) =>
  expect.objectContaining({
    code: Code.DataLoss,
    rawMessage: `messages ${first} to ${last} of the log are damaged or missing on the disk`,
  });

test.each([
  ["its payload", 200],
  ["its checksum", 0],
  ["its header", 10],
])(
  "a record damaged in %s is data_loss with its range, and what follows is there",
  async (_, at) => {
    const { log } = await damaged((dir) => flip(recordOf(dir, 50), at));
    expect(await log.read(0)).toMatchObject({ first: 1, last: 40 });
    for (const after of [40, 45]) {
      await expect(log.read(after)).rejects.toEqual(loss(after + 1, 50));
    }
    expect(await texts(log, 50)).toHaveLength(50);
  },
);

test("missing records are data_loss with their range", async () => {
  const { log } = await damaged((dir) => {
    const records = [recordOf(dir, 50), recordOf(dir, 60)];
    for (const record of records) {
      zero(record);
    }
  });
  await expect(log.read(40)).rejects.toEqual(loss(41, 60));
  expect(await texts(log, 60)).toHaveLength(40);
});

test("a record in another one's place is data_loss", async () => {
  const { log } = await damaged((dir) => {
    const [wrong, right] = [recordOf(dir, 50), recordOf(dir, 60)];
    expect(right.item.length).toBe(wrong.item.length);
    change(wrong.path, (bytes) =>
      bytes.copyWithin(wrong.at, right.at, right.at + right.item.length),
    );
  });
  await expect(log.read(40)).rejects.toEqual(loss(41, 50));
});

test.each([
  ["missing", (dir: string) => zero(recordOf(dir, 100))],
  ["damaged", (dir: string) => flip(recordOf(dir, 100), itemHeaderLength + 100)],
])(
  "a %s last record is reported at once, and its sequences are not used again",
  async (_, change) => {
    const { log, errors } = await damaged(change);
    expect(errors.length).toBeGreaterThan(0);
    expect(log.head).toBe(100);
    await expect(log.read(90)).rejects.toEqual(loss(91, 100));
    expect((await log.append([post("next")])).positions[0]?.sequence).toBe(101);
    await expect(log.read(90)).rejects.toEqual(loss(91, 100));
    expect(await texts(log, 100)).toEqual(["next"]);
  },
);

test("retention removes damaged records with those around them", async () => {
  const dir = tempDir();
  const before = await openFileLog({ dir });
  for (let i = 0; i < 10; i++) {
    await before.append(posts(10));
  }
  await before.close();
  const records = [recordOf(dir, 10), recordOf(dir, 30)];
  flip(records[0]!, 200);
  zero(records[1]!);
  const log = await openFileLog({ dir, retention: { maxMessages: 50 } });
  onTestFinished(() => log.close());
  await expect.poll(() => log.first, { timeout: 10_000 }).toBe(51);
  expect(await texts(log)).toHaveLength(50);
});
