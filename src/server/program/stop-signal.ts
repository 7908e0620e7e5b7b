/** npm passes Ctrl-C on to a program that the terminal has already signalled. */
const npmRepeatMs = 200;

/**
 * Resolves at the first SIGTERM or SIGINT. The second one exits at once, with 128 and the
 * signal's number.
 */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let firstSignalAt: number | undefined;
    const onSignal = (_name: NodeJS.Signals, number: number) => {
      const now = performance.now();
      if (firstSignalAt === undefined) {
        firstSignalAt = now;
        resolve();
      } else if (
        process.env.npm_lifecycle_event === undefined ||
        now - firstSignalAt > npmRepeatMs
      ) {
        process.exit(128 + number);
      }
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}
