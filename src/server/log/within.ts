/**
 * Resolves when a promise is settled, when the time is over, or when the signal is aborted,
 * whichever is first; says whether it was the promise. Leaves no timer and no listener behind.
 */
export function within(
  promise: Promise<unknown>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (settled: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      resolve(settled);
    };
    const giveUp = () => end(false);
    const timer = setTimeout(giveUp, timeoutMs);
    signal.addEventListener("abort", giveUp, { once: true });
    promise.then(
      () => end(true),
      () => end(true),
    );
  });
}
