import { setTimeout as sleep } from "node:timers/promises";
import { exitStatus } from "./exit.js";

let outlivesReaders = false;

/**
 * Ends the process when its output cannot be written. A reader that has seen enough
 * (`chatter history | head -1`) ends it quietly, as SIGPIPE ends other programs; any other
 * reason is a failure.
 */
export function endWithOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") {
      process.stderr.write(`chatter: cannot write the output: ${error.message}\n`);
      process.exit(exitStatus.failure);
    }
    if (!outlivesReaders) {
      process.exit(exitStatus.success);
    }
  });
  process.stderr.on("error", () => {
    // Nobody is left to be notified.
    if (!outlivesReaders) {
      process.exit(exitStatus.failure);
    }
  });
}

/**
 * From now on the process goes on when nobody reads what it says, and ends without waiting for it:
 * others need it.
 */
export function outliveReaders(): void {
  outlivesReaders = true;
}

/** What readers that the process outlives have for its last words, in milliseconds. */
const lastWordsMs = 1_000;

/** Resolves when all that was printed is taken. */
export async function outputTaken(): Promise<void> {
  const taken = [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((resolve) => stream.write("", () => resolve())),
  );
  const late = outlivesReaders ? [sleep(lastWordsMs)] : [];
  await Promise.race([Promise.all(taken), ...late]);
}
