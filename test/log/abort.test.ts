import { expect, onTestFinished, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { posts } from "../support/log-messages.js";
import { tempDir } from "../support/temp-dir.js";

async function opened(dir: string) {
  const log = await openFileLog({ dir });
  onTestFinished(() => log.close());
  return log;
}

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
