import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import type { NatsLink } from "../../src/server/log/nats-link.js";
import { NatsWatch } from "../../src/server/log/nats-watch.js";

test("a NATS server that has no answer is left for another one, and again after as long", async () => {
  let answers = true;
  const renewals: number[] = [];
  const link = {
    isUp: true,
    renew: async () => {
      renewals.push(performance.now());
    },
  };
  const look = async () => {
    if (!answers) {
      throw new Error("no answer");
    }
  };
  const watch = new NatsWatch(link as unknown as NatsLink, look, { intervalMs: 5, leaveMs: 100 });
  onTestFinished(() => watch.close());
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(watch.fault).toBeUndefined();
  const start = performance.now();
  answers = false;
  await expect.poll(() => watch.fault?.code).toBe(Code.Unavailable);
  await expect.poll(() => renewals.length).toBeGreaterThan(1);
  expect(renewals[0]! - start).toBeGreaterThan(80);
  expect(renewals[1]! - renewals[0]!).toBeGreaterThan(80);
  answers = true;
  await expect.poll(() => watch.fault).toBeUndefined();
  link.isUp = false;
  expect(watch.fault?.code).toBe(Code.Unavailable);
});
