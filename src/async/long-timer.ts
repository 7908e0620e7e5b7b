import { maxTimerMs } from "./max-timer.js";

/**
 * Calls back after a time in milliseconds, however long: a timer of more than 24.8 days is armed
 * again. Returns a function that stops it.
 */
export function startTimer(ms: number, onTime: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const arm = (left: number) => {
    timer = setTimeout(
      () => (left > maxTimerMs ? arm(left - maxTimerMs) : onTime()),
      Math.min(left, maxTimerMs),
    );
  };
  arm(ms);
  return () => clearTimeout(timer);
}
