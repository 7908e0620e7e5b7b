import { readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SegmentFiles } from "../../../src/server/log/file/segments/segment-files.js";
import { tempDir } from "../../support/temp-dir.js";

/** How often this process has a file open. */
function countOpen(path: string): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(join("/proc/self/fd", fd)).startsWith(path);
    } catch {
      return false; // It was the one of the list itself.
    }
  }).length;
}

test.runIf(process.platform === "linux")(
  "a segment that is removed while it is read is closed when that has ended",
  async () => {
    const path = join(tempDir(), "00000001.seg");
    writeFileSync(path, "text");
    const segment = { path };
    const files = new SegmentFiles();
    const reading = files.read(segment, 0, 4);
    files.forget(segment);
    expect((await reading).toString()).toBe("text");
    await expect.poll(() => countOpen(path)).toBe(0);
    await files.close();
  },
);
