import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { NatsIntegrity } from "../../src/server/log/nats/integrity.js";

/** A stream of one node whose messages can be taken away, and answers that can be held up. */
function createStream(...times: number[]) {
  const state = { times, hold: Promise.resolve() };
  const stream = {
    config: { num_replicas: 1 },
    look: async () => ({ first: 1, head: state.times.length }),
    async message(sequence: number) {
      const sentAt = state.times[sequence - 1];
      await state.hold;
      return sentAt === undefined
        ? undefined
        : { sequence, sentAt, subject: "chatter", payload: new Uint8Array() };
    },
  };
  const integrity = new NatsIntegrity({
    stream,
    quorum: { certain: async () => {} },
    acknowledged: () => 0,
  });
  const arrive = (sentAt: number) => {
    state.times.push(sentAt);
    integrity.saw({ sequence: state.times.length, sentAt });
  };
  return { state, integrity, arrive };
}

test("what arrived while the stream was in doubt is missed when it is gone later", async () => {
  const { state, integrity, arrive } = createStream(1000, 2000);
  await integrity.check();
  integrity.doubt();
  arrive(3000);
  await integrity.check();
  expect(integrity.isWhole).toBe(true);
  state.times.pop();
  await expect(integrity.check()).rejects.toMatchObject({ reason: "lost" });
  expect(integrity.isWhole).toBe(false);
});

test("what arrived in doubt is missed also if other messages have come in its place", async () => {
  const { state, integrity, arrive } = createStream(1000, 2000);
  await integrity.check();
  integrity.doubt();
  arrive(3000);
  state.times.pop();
  state.times.push(4000);
  arrive(5000);
  await expect(integrity.check()).rejects.toMatchObject({ reason: "lost" });
});

test("a check that began before the connection was lost proves nothing", async () => {
  const { state, integrity } = createStream(1000, 2000);
  await integrity.check();
  let release = () => {};
  state.hold = new Promise((resolve) => {
    release = resolve;
  });
  const checking = integrity.check();
  await setImmediate();
  integrity.doubt();
  state.times.pop();
  release();
  await checking;
  expect(integrity.isWhole).toBe(false);
  await expect(integrity.check()).rejects.toMatchObject({ reason: "lost" });
});

test("a loss that an acknowledgement has shown is not forgotten by a check under way", async () => {
  const { state, integrity } = createStream(1000, 2000);
  await integrity.check();
  let release = () => {};
  state.hold = new Promise((resolve) => {
    release = resolve;
  });
  const checking = integrity.check();
  await setImmediate();
  integrity.wentBack(2, 2);
  release();
  await checking.catch(() => {});
  expect(integrity.fault).toMatchObject({ reason: "lost" });
});
