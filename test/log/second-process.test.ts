import { renameSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { post, texts } from "../support/log-messages.js";
import { startPoster } from "../support/log-process.js";
import { tempDir } from "../support/temp-dir.js";

test("a log that another process has open is refused with one line that says so", async () => {
  const dir = tempDir();
  const poster = startPoster(dir);
  await poster.line(/^ok/);
  const refused = openFileLog({ dir });
  await expect(refused).rejects.toMatchObject({ code: Code.FailedPrecondition });
  await expect(refused).rejects.toThrow(dir);
  await expect(refused).rejects.toThrow(/in use by another process$/);
  // The attempt has done no harm.
  const count = poster.lines.length;
  await expect.poll(() => poster.lines.length).toBeGreaterThan(count);
  expect(poster.lines.filter((line) => line.startsWith("failed"))).toEqual([]);
  await poster.kill();
  const log = await openFileLog({ dir });
  expect(await texts(log)).not.toEqual([]);
  await log.close();
});

test("a log that this process has open is refused, too", async () => {
  const dir = tempDir();
  const log = await openFileLog({ dir });
  await expect(openFileLog({ dir })).rejects.toThrow(/in use/);
  expect((await log.append([post("a")])).error).toBeUndefined();
  await log.close();
});

test.runIf(process.platform === "linux")(
  "without a program that locks, and beside one who has it, too",
  async () => {
    const path = process.env.PATH;
    onTestFinished(() => {
      process.env.PATH = path;
    });
    const dir = tempDir();
    process.env.PATH = tempDir();
    const first = await openFileLog({ dir });
    await expect(openFileLog({ dir })).rejects.toThrow(/in use by another process$/);
    process.env.PATH = path;
    await expect(openFileLog({ dir })).rejects.toThrow(/in use by another process$/);
    await first.close();
    const second = await openFileLog({ dir });
    process.env.PATH = tempDir();
    await expect(openFileLog({ dir })).rejects.toThrow(/in use by another process$/);
    expect((await second.append([post("a")])).error).toBeUndefined();
    await second.close();
    // What a killed process has left: a name on which nobody listens.
    const left = createServer();
    await new Promise<void>((resolve) => left.listen(join(dir, "left"), resolve));
    renameSync(join(dir, "left"), join(dir, "messages.socket"));
    await new Promise((resolve) => left.close(resolve));
    const third = await openFileLog({ dir });
    expect(third.head).toBe(1);
    await third.close();
  },
);
