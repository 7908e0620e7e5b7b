import { rm } from "node:fs/promises";
import { join } from "node:path";
import { tempDir } from "../temp-dir.js";
import { seeded } from "./record.js";
import { type Loss, RecordedDisk } from "./recorded-disk.js";
import type { Recorded } from "./system-calls.js";

/** What a recorded folder may be after a crash. */
export interface CrashState {
  /** A recorded folder in the states that a crash may leave. */
  readonly dir: string;
  /** What the program had printed before. */
  readonly printed: readonly string[];
  /** For the report of a failure: makes the same state again. */
  readonly name: string;
}

const losses: readonly Loss[] = ["nothing", "everything", "some", "some"];

/**
 * Calls `check` with this many states in which a crash may have left a folder, from the beginning
 * of a recording to its end, each with a different part of what was not synced; at most with each
 * of the losses at each call.
 *
 * @param before the folder as it was before the recording; default: empty
 */
export async function forCrashStates(
  recording: {
    readonly root: string;
    readonly calls: readonly Recorded[];
    readonly before?: string;
  },
  wanted: number,
  check: (state: CrashState) => Promise<void>,
): Promise<void> {
  const { root, calls, before } = recording;
  const lines = [-1, ...new Set(calls.flatMap(({ begin, end }) => [begin, end]))];
  lines.sort((a, b) => a - b);
  const count = Math.min(wanted, lines.length * losses.length);
  for (let i = 0; i < count; i++) {
    const line = lines[Math.floor((i * lines.length) / count)]!;
    const loss = losses[i % losses.length]!;
    const dir = join(tempDir(), "state");
    const disk = new RecordedDisk(root, before);
    disk.run(calls, line);
    disk.write(dir, loss, seeded(i));
    const printed = printedBy(calls, line);
    const name = `state ${i} of ${count}: line ${line}, ${loss} lost`;
    try {
      await check({ dir, printed, name });
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }
}

/** What a program had printed by a line of its recording. */
export function printedBy(calls: readonly Recorded[], line: number): string[] {
  return calls.flatMap((call) => (call.kind === "print" && call.begin <= line ? [call.text] : []));
}
