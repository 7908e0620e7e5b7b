import { onTestFinished } from "vitest";

/** What is rejected in this process, until the test is over, without anybody to hear of it. */
export function unhandledRejections(): readonly unknown[] {
  const reasons: unknown[] = [];
  const onReason = (reason: unknown) => {
    reasons.push(reason);
  };
  process.on("unhandledRejection", onReason);
  onTestFinished(() => {
    process.off("unhandledRejection", onReason);
  });
  return reasons;
}

/** Resolves when Node has reported what was rejected before. */
export function reported(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
