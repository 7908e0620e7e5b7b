import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { requireAll } from "./log-messages.js";
import { tempDir } from "./temp-dir.js";

/**
 * A file system of this many MiB, unmounted after the test. Where only an ordinary user runs, the
 * test is skipped.
 */
export function mountSmallDisk(mebibytes: number, skip: (note: string) => never): string {
  const dir = join(tempDir(), "disk");
  mkdirSync(dir);
  try {
    const options = ["-t", "tmpfs", "-o", `size=${mebibytes}m`];
    execFileSync("mount", [...options, "chatter-test", dir], { stdio: "ignore" });
  } catch {
    expect(requireAll, "this machine cannot mount a tmpfs").toBe(false);
    skip("no tmpfs can be mounted here: run as root");
  }
  onTestFinished(() => {
    execFileSync("umount", ["-l", dir]);
  });
  return dir;
}
