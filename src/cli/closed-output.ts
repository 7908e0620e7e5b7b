import { setTimeout as sleep } from "node:timers/promises";
import { outputUnwritable } from "./errors.js";
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
      process.stderr.write(`chatter: ${outputUnwritable({ reason: error.message }).message}\n`);
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
 * From now on the process continues when nobody reads its output, and ends without waiting for
 * readers, because others need it.
 */
export function outliveReaders(): void {
  outlivesReaders = true;
}

/** How long such a process waits for readers to take its last output, in milliseconds. */
const lastWordsMs = 1_000;

/** Resolves when everything printed has been taken. */
export async function outputTaken(): Promise<void> {
  const taken = [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((resolve) => stream.write("", () => resolve())),
  );
  const late = outlivesReaders ? [sleep(lastWordsMs)] : [];
  await Promise.race([Promise.all(taken), ...late]);
}
