import { copyFileSync, cpSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { RetentionOptions } from "../../../src/server/log/core/retention.js";
import { openFileLog } from "../../../src/server/log/file/file-log.js";
import type { MessageLog } from "../../../src/server/log/message-log.js";
import { post } from "../../support/log-messages.js";
import { segmentsOf } from "../../support/segments.js";
import { tempDir } from "../../support/temp-dir.js";

/** Messages of each segment but the last one. */
const inEach = 5;
const count = 28;

async function opened(dir: string, retention?: RetentionOptions) {
  const lines: string[] = [];
  const line = (fields: object, message: string) => {
    const { faults = [], err } = fields as { faults?: readonly string[]; err?: Error };
    lines.push(`${message}: ${[...faults, err?.message].join(", ")}`);
  };
  const logger = { info: line, warn: line, error: line };
  const log = await openFileLog({ dir, logger, segmentBytes: 12_000, retention });
  onTestFinished(() => log.close());
  return { log, lines };
}

/** Posts the messages of a log from one to another. */
async function fill(dir: string, from: number, to: number, text = ""): Promise<void> {
  const { log } = await opened(dir);
  for (let i = from; i <= to; i++) {
    await log.append([post(`${text} ${i}`.padEnd(1600))]);
  }
  await log.close();
}

/** A folder with a log of six segments. */
async function folder(): Promise<string> {
  const dir = tempDir();
  await fill(dir, 1, count);
  expect(segmentsOf(dir)).toHaveLength(6);
  return dir;
}

/** The messages that can be read, and those that cannot. */
async function readable(log: MessageLog) {
  const lost: string[] = [];
  let messages = 0;
  for (let at = log.first - 1; at < log.head; ) {
    try {
      const batch = (await log.read(at))!;
      messages += batch.last - at;
      at = batch.last;
    } catch (error) {
      const [, range, last] = /messages (\d+ to (\d+)) of/.exec((error as Error).message)!;
      lost.push(range!);
      at = Number(last);
    }
  }
  return { messages, lost };
}

function exchange(a: string, b: string): void {
  renameSync(a, `${a}.aside`);
  renameSync(b, a);
  renameSync(`${a}.aside`, b);
}

test.each([
  [1, 2, ["6 to 15"]],
  [1, 5, ["6 to 10", "26 to 28"]],
  [4, 5, ["21 to 28"]],
])(
  "segments %i and %i in each other's place cost what is in them, and are named",
  async (a, b, lost) => {
    const dir = await folder();
    const paths = segmentsOf(dir);
    exchange(paths[a]!, paths[b]!);
    const { log, lines } = await opened(dir);
    expect(lines[0]).toContain(
      `another file is in the place of ${paths[a]}, another file is in the place of ${paths[b]}`,
    );
    expect((await readable(log)).lost).toEqual(lost);
    if (b === 5) {
      expect(lines[1]).toContain(`messages ${lost.at(-1)} of the log`);
    }
    expect((await log.append([post("next")])).positions[0]?.sequence).toBe(count + 1);
  },
);

test("a segment of a copy that continued otherwise is not mistaken for the one that was there", async () => {
  const dir = tempDir();
  await fill(dir, 1, inEach, "both");
  const copy = tempDir();
  cpSync(dir, copy, { recursive: true });
  await fill(dir, inEach + 1, count, "here");
  await fill(copy, inEach + 1, count, "there");
  copyFileSync(segmentsOf(copy)[2]!, segmentsOf(dir)[2]!);
  const { log, lines } = await opened(dir);
  expect(lines[0]).toContain(`another file is in the place of ${segmentsOf(dir)[2]}`);
  expect((await readable(log)).lost).toEqual(["11 to 15"]);
});

test("a segment that could not be read while the log continued is there again with its file", async () => {
  const dir = await folder();
  const last = segmentsOf(dir).at(-1)!;
  renameSync(last, `${last}.aside`);
  writeFileSync(last, "");
  const { log } = await opened(dir);
  expect((await readable(log)).lost).toEqual(["26 to 28"]);
  await log.append([post("next")]);
  await log.close();
  renameSync(`${last}.aside`, last);
  expect(await readable((await opened(dir)).log)).toEqual({ messages: count + 1, lost: [] });
});

test("messages that are missing before the oldest file are named", async () => {
  const dir = await folder();
  rmSync(segmentsOf(dir)[0]!);
  const { log, lines } = await opened(dir);
  expect(lines[0]).toContain(`messages 1 to ${inEach} are missing before`);
  expect((await readable(log)).lost).toEqual([`1 to ${inEach}`]);
});

test("retention removes files that cannot be read, and what a kill has left of others", async () => {
  const dir = await folder();
  const store = join(dir, "messages");
  writeFileSync(segmentsOf(dir)[1]!, "");
  writeFileSync(join(store, "00000000.idx"), "");
  const { log } = await opened(dir, { maxMessages: 10 });
  const older = () => readdirSync(store).filter((name) => name < "00000004");
  await expect.poll(older, { timeout: 10_000 }).toEqual([]);
  expect(await readable(log)).toMatchObject({ lost: [] });
});
