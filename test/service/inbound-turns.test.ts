import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { becomeKnown } from "../../src/server/limits/authenticated-connections.js";
import { afterInboundTurns, inboundTurns } from "../../src/server/service/call/inbound-turns.js";

function createInbound() {
  const delivered: string[] = [];
  const arrive = (name: string, connection: object) => {
    const inbound = { connection, deliver: () => void delivered.push(name) };
    inboundTurns.add(inbound);
    return inbound;
  };
  return { delivered, arrive };
}

test("what comes without a valid token has a small share of a turn, and nobody with one waits for it", async () => {
  const { delivered, arrive } = createInbound();
  for (let i = 0; i < 100; i++) {
    arrive("unknown", {});
  }
  const connection = {};
  becomeKnown(connection);
  arrive("known", connection);
  await nextTurn();
  expect(delivered).toContain("known");
  expect(delivered.length).toBeLessThan(20);
  await new Promise<void>(afterInboundTurns);
  expect(delivered).toHaveLength(101);
});

test("what is taken away is not passed on, also if its connection has become known meanwhile", async () => {
  const { delivered, arrive } = createInbound();
  const connection = {};
  const inbound = arrive("taken away", connection);
  becomeKnown(connection);
  inboundTurns.delete(inbound);
  arrive("other", connection);
  await new Promise<void>(afterInboundTurns);
  expect(delivered).toEqual(["other"]);
});
