import type { Logger } from "pino";

/**
 * Logs what Node itself reports about the process in the server log, which has one object a line:
 * its warnings, and why it ends if an error was not caught. The process then exits with 1, as it
 * would without this.
 *
 * @param beforeExit called when the reason is logged
 */
export function logProcess(logger: Logger, beforeExit: () => void): void {
  // Node's own listener, which writes plain text.
  process.removeAllListeners("warning");
  process.on("warning", (warning) =>
    logger.warn({ name: warning.name, err: warning }, "a warning of the process"),
  );
  if (!logger.isLevelEnabled("fatal")) {
    return; // Node writes the reason, because the log would not.
  }
  process.on("uncaughtException", (error, origin) => {
    logger.fatal({ err: error, origin }, "the server exits: an error was not caught");
    beforeExit();
    process.exit(1);
  });
}
