import { expect, onTestFinished, test, vi } from "vitest";
import type { RetentionOptions } from "../../src/server/log/core/retention.js";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import type { MessageLog } from "../../src/server/log/message-log.js";
import { post, posts, texts } from "../support/log-messages.js";
import { tempDir } from "../support/temp-dir.js";

const day = 86_400_000;
const trueNow = Date.now;

/** Sets the machine's clock wrong for this process. */
function setClock(off: number): void {
  const spy = vi.spyOn(Date, "now").mockImplementation(() => trueNow() + off);
  onTestFinished(() => spy.mockRestore());
}

/** Sweeps come once a second: after this one has looked at the clock. */
const aSweep = () => new Promise((resolve) => setTimeout(resolve, 1500));

const engines: [string, (retention?: RetentionOptions) => Promise<MessageLog>][] = [
  ["embedded", (retention) => openFileLog({ dir: tempDir(), retention })],
  ["in memory", async (retention) => createMemoryLog({ retention })],
];

test.each(engines)("ids outlast a clock that is ahead for a moment: %s", async (_, open) => {
  const log = await open();
  onTestFinished(() => log.close());
  const first = await log.append([post("a", "1")]);
  setClock(day);
  await aSweep();
  expect(await log.append([post("a", "1")])).toEqual(first);
  setClock(0);
  expect(await log.append([post("a", "1")])).toEqual(first);
  expect(log.head).toBe(1);
});

test.each(engines)("messages outlast it under a limit of age: %s", async (_, open) => {
  const log = await open({ maxAgeMs: 3_600_000 });
  onTestFinished(() => log.close());
  await log.append(posts(2));
  setClock(day);
  await aSweep();
  expect(log.first).toBe(1);
});

test.each(engines)(
  "a message that is taken then has a right sent_at, and gets old: %s",
  async (_, open) => {
    const log = await open({ maxAgeMs: 500 });
    onTestFinished(() => log.close());
    setClock(13 * 365 * day);
    const { positions } = await log.append([post("a", "x")]);
    expect(positions[0]!.sentAt).toBeLessThanOrEqual(trueNow());
    setClock(0);
    const before = trueNow();
    const next = (await log.append([post("b", "y")])).positions[0]!;
    expect(next.sentAt).toBeGreaterThanOrEqual(before - 1);
    await expect.poll(() => log.first, { timeout: 10_000 }).toBe(3);
  },
);

test("a log that was made with the clock ahead gets older all the same, and the operator is warned", async () => {
  const dir = tempDir();
  setClock(13 * 365 * day);
  let log = await openFileLog({ dir });
  const { sentAt } = (await log.append([post("ahead", "1")])).positions[0]!;
  await log.close();
  setClock(0);
  const warn = vi.fn();
  const logger = { info: vi.fn(), warn, error: vi.fn() };
  log = await openFileLog({
    dir,
    retention: { maxAgeMs: 700 },
    dedupe: { windowMs: 700 },
    logger,
  });
  onTestFinished(() => log.close());
  const next = (await log.append([post("next")])).positions[0]!;
  expect(next.sentAt).toBeGreaterThanOrEqual(sentAt);
  expect(next.sentAt).toBeLessThan(sentAt + day);
  await expect.poll(() => log.first, { timeout: 10_000 }).toBe(3);
  expect((await log.append([post("ahead", "1")])).positions[0]!.sequence).toBe(3);
  expect(warn).toHaveBeenCalledWith(
    expect.objectContaining({ clock: expect.any(String), log: expect.any(String) }),
    expect.stringContaining("the machine's clock is behind the log"),
  );
});

test("a start with the clock ahead neither forgets ids nor removes messages at once", async () => {
  const dir = tempDir();
  let log = await openFileLog({ dir });
  await log.append([post("a", "1")]);
  await log.close();
  setClock(day);
  log = await openFileLog({ dir, retention: { maxAgeMs: 3_600_000 } });
  onTestFinished(() => log.close());
  await aSweep();
  expect((await log.append([post("a", "1")])).positions[0]!.sequence).toBe(1);
  expect(await texts(log)).toEqual(["a"]);
});

test("sent_at never goes back, not even if retention has emptied the log before a restart", async () => {
  const dir = tempDir();
  let log = await openFileLog({ dir, retention: { maxAgeMs: 0 } });
  const before = (await log.append([post("removed")])).positions[0]!;
  await expect.poll(() => log.first, { timeout: 10_000 }).toBe(2);
  await log.close();
  setClock(-7_200_000);
  log = await openFileLog({ dir });
  onTestFinished(() => log.close());
  const after = (await log.append([post("next")])).positions[0]!;
  expect(after.sentAt).toBeGreaterThanOrEqual(before.sentAt);
});
