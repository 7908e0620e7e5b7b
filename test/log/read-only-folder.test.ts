import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { verifyLog } from "../../src/server/log/file/verify-log.js";
import { runLog } from "../support/log-copies.js";
import { posts } from "../support/log-messages.js";
import { mountSmallDisk } from "../support/small-disk.js";
import { tempDir } from "../support/temp-dir.js";

/** A second mount of a folder, where nothing can be written; unmounted after the test. */
function readOnlyViewOf(dir: string): string {
  const view = join(tempDir(), "view");
  mkdirSync(view);
  execFileSync("mount", ["--bind", dir, view]);
  onTestFinished(() => {
    execFileSync("umount", ["-l", view]);
  });
  execFileSync("mount", ["-o", "remount,bind,ro", view]);
  return view;
}

test("a log that cannot be written to is verified and exported", async ({ skip }) => {
  const dir = join(mountSmallDisk(16, skip), "data");
  const log = await openFileLog({ dir });
  await log.append(posts(10));
  const view = readOnlyViewOf(dir);
  // A server has it open, though not through this mount.
  await expect(verifyLog(view)).rejects.toThrow(/in use by another process$/);
  await log.close();
  for (const hasLockFile of [true, false]) {
    if (!hasLockFile) {
      rmSync(join(dir, "messages.lock"));
    }
    expect(await verifyLog(view)).toMatchObject({ messages: 10, head: 10, damaged: [] });
    const file = join(tempDir(), "export");
    await runLog(["export", "--data-dir", view, file]);
    await runLog(["import", "--data-dir", join(tempDir(), "copy"), file]);
  }
  await expect(openFileLog({ dir: view })).rejects.toThrow(/it cannot be written to$/);
});
