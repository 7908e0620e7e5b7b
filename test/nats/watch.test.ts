import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import type { NatsLink } from "../../src/server/log/nats-link.js";
import type { NatsStream } from "../../src/server/log/nats-stream.js";
import { NatsWatch } from "../../src/server/log/nats-watch.js";

test("a NATS server that has no answer is left for another one, and again after as long", async () => {
  let answers = true;
  let renewals = 0;
  const link = {
    isUp: true,
    renew: async () => {
      renewals++;
    },
  };
  const stream = {
    look: async () => {
      if (!answers) {
        throw new Error("no answer");
      }
      return { first: 7, head: 9 };
    },
  };
  let first = 0;
  const watch = new NatsWatch(
    link as unknown as NatsLink,
    stream as unknown as NatsStream,
    (sequence) => {
      first = sequence;
    },
    { intervalMs: 5, leaveMs: 100 },
  );
  onTestFinished(() => watch.close());
  await expect.poll(() => first).toBe(7);
  expect(watch.fault).toBeUndefined();
  answers = false;
  await expect.poll(() => watch.fault?.code).toBe(Code.Unavailable);
  expect(renewals).toBe(0);
  await expect.poll(() => renewals).toBe(2);
  answers = true;
  await expect.poll(() => watch.fault).toBeUndefined();
  link.isUp = false;
  expect(watch.fault?.code).toBe(Code.Unavailable);
});
