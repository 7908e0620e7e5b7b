import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { requireAll } from "../log-messages.js";
import { tempDir } from "../temp-dir.js";
import { parseRecording, type Recorded, straceOptions } from "./system-calls.js";

/** Whether calls can be recorded here; if not, a line says so. */
export function canRecord(): boolean {
  try {
    execFileSync("strace", ["-V"], { stdio: "ignore" });
    return true;
  } catch {
    if (requireAll) {
      throw new Error("this machine has no strace");
    }
    console.warn("no strace here: states after a crash are not tested");
    return false;
  }
}

/**
 * Runs a program to its end, which must be a good one, and resolves to what it did to the files
 * in a folder.
 */
export async function record(root: string, args: readonly string[]): Promise<Recorded[]> {
  const trace = join(tempDir(), "trace");
  const child = spawn("strace", [...straceOptions, "-o", trace, process.execPath, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) {
      process.kill(-child.pid!, "SIGKILL");
    }
  });
  let said = "";
  child.stdout.resume();
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const [status] = await once(child, "close");
  if (status !== 0) {
    throw new Error(`the recorded program ended with ${status}: ${said}`);
  }
  return parseRecording(readFileSync(trace, "utf8"), root);
}

/** Numbers that are the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
