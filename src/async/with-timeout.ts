import { onAbort } from "./abort.js";

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
    let unsubscribe = () => {};
    const end = (settled: boolean) => {
      clearTimeout(timer);
      unsubscribe();
      resolve(settled);
    };
    const giveUp = () => end(false);
    const timer = setTimeout(giveUp, timeoutMs);
    unsubscribe = onAbort(signal, giveUp);
    promise.then(
      () => end(true),
      () => end(true),
    );
  });
}
