import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { openLevelLog } from "../../src/server/log/level-log.js";
import { post, texts } from "../support/log-messages.js";
import { startPoster } from "../support/log-process.js";
import { tempDir } from "../support/temp-dir.js";

test("a log that another process has open is refused with one line that says so", async () => {
  const dir = tempDir();
  const poster = startPoster(dir);
  await poster.line(/^ok/);
  const refused = openLevelLog({ dir });
  await expect(refused).rejects.toMatchObject({ code: Code.FailedPrecondition });
  await expect(refused).rejects.toThrow(dir);
  await expect(refused).rejects.toThrow(/in use by another process$/);
  // The attempt has done no harm.
  const count = poster.lines.length;
  await expect.poll(() => poster.lines.length).toBeGreaterThan(count);
  expect(poster.lines.filter((line) => line.startsWith("failed"))).toEqual([]);
  await poster.kill();
  const log = await openLevelLog({ dir });
  expect(await texts(log)).not.toEqual([]);
  await log.close();
});

test("a log that this process has open is refused, too", async () => {
  const dir = tempDir();
  const log = await openLevelLog({ dir });
  await expect(openLevelLog({ dir })).rejects.toThrow(/in use/);
  expect((await log.append([post("a")])).error).toBeUndefined();
  await log.close();
});
