import { onTestFinished } from "vitest";

/** Rejections in this process that nobody handles, until the test is over. */
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
