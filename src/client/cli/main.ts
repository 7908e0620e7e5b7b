import { exitStatus } from "./exit.js";
import { runChatter } from "./program.js";

// A reader that has seen enough (`chatter history | head -1`) ends the program quietly, as
// SIGPIPE ends others; output that cannot be written for another reason is a failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") {
    process.exit(exitStatus.success);
  }
  process.stderr.write(`chatter: cannot write the output: ${error.message}\n`);
  process.exit(exitStatus.failure);
});
// Nobody is left to be told.
process.stderr.on("error", () => process.exit(exitStatus.failure));

const status = await runChatter(process.argv.slice(2));

// What was printed goes out, then the process ends, whatever a library may have left open: a
// stream that was not read to its end would keep its connection, and the process, for ever.
for (const stream of [process.stdout, process.stderr]) {
  await new Promise<void>((resolve) => stream.write("", () => resolve()));
}
process.exit(status);
