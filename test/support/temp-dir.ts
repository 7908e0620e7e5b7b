import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { afterEachFile } from "./clean-up.js";

/** Folders that were asked for outside a test. */
const ofTheFile: string[] = [];

// vitest accepts no afterAll inside a hook.
afterEachFile(async () => {
  await Promise.all(ofTheFile.splice(0).map(remove));
});

/**
 * Makes an empty folder that is removed when the test that requested it has ended; requested
 * outside a test (in a hook or a describe), when the file's tests have.
 *
 * Request it before the things in it: vitest runs `onTestFinished` callbacks last first, so that
 * they are closed before their folder is removed.
 */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "chatter-test-"));
  try {
    onTestFinished(() => remove(dir));
  } catch {
    ofTheFile.push(dir);
  }
  return dir;
}

function remove(dir: string): Promise<void> {
  return rm(dir, { recursive: true, force: true, maxRetries: 5 });
}
