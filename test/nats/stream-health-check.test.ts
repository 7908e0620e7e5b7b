import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import type { NatsSession } from "../../src/server/log/nats/session.js";
import { StreamHealthCheck } from "../../src/server/log/nats/stream-health-check.js";

test("a NATS server that has no answer is left for another one, and again after as long", async () => {
  let answers = true;
  const renewals: number[] = [];
  const session = {
    isConnected: true,
    renew: async () => {
      renewals.push(performance.now());
    },
  };
  const look = async () => {
    if (!answers) {
      throw new Error("no answer");
    }
  };
  const health = new StreamHealthCheck(session as unknown as NatsSession, look, {
    intervalMs: 5,
    leaveMs: 100,
  });
  onTestFinished(() => health.close());
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(health.fault).toBeUndefined();
  const start = performance.now();
  answers = false;
  await expect.poll(() => health.fault?.code).toBe(Code.Unavailable);
  await expect.poll(() => renewals.length).toBeGreaterThan(1);
  expect(renewals[0]! - start).toBeGreaterThan(80);
  expect(renewals[1]! - renewals[0]!).toBeGreaterThan(80);
  answers = true;
  await expect.poll(() => health.fault).toBeUndefined();
  session.isConnected = false;
  expect(health.fault?.code).toBe(Code.Unavailable);
});
