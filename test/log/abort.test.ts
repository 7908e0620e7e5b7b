import { getEventListeners } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { posts } from "../support/log-messages.js";
import { tempDir } from "../support/temp-dir.js";

async function opened(dir: string) {
  const log = await openFileLog({ dir });
  onTestFinished(() => log.close());
  return log;
}

test("an aborted wait rejects with the reason and leaves nothing behind", async () => {
  const log = await opened(tempDir());
  const controller = new AbortController();
  const { signal } = controller;
  const reason = new Error("gone");
  const waits = Array.from({ length: 10 }, () => log.wait(0, signal));
  expect(getEventListeners(signal, "abort")).toHaveLength(10);
  controller.abort(reason);
  const results = await Promise.allSettled(waits);
  expect(results.every((result) => result.status === "rejected" && result.reason === reason)).toBe(
    true,
  );
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
  await expect(log.wait(0, signal)).rejects.toBe(reason);
});

test("a wait that was woken has taken its listener away", async () => {
  const log = await opened(tempDir());
  const { signal } = new AbortController();
  const waits = Array.from({ length: 10 }, () => log.wait(0, signal));
  await log.append(posts(1));
  await Promise.all(waits);
  await log.wait(0, signal);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("10,000 wait and are woken by one message", async () => {
  const log = await opened(tempDir());
  const controllers = Array.from({ length: 10_000 }, () => new AbortController());
  const waits = controllers.map(({ signal }) => log.wait(0, signal));
  await log.append(posts(1));
  await Promise.all(waits);
  expect(getEventListeners(controllers[0]!.signal, "abort")).toHaveLength(0);
});

test("an aborted read rejects with the reason", async () => {
  const dir = tempDir();
  const before = await opened(dir);
  await before.append(posts(1000));
  await before.close();
  const log = await opened(dir); // nothing in memory: reads go to the disk
  const controller = new AbortController();
  const reason = new Error("gone");
  const reading = log.read(0, { signal: controller.signal });
  expect(reading).toBeInstanceOf(Promise);
  controller.abort(reason);
  await expect(reading).rejects.toBe(reason);
  expect(() => log.read(0, { signal: controller.signal })).toThrow(reason);
});
