import { expect, test } from "vitest";
import type { ConnectionState } from "../../src/client/connection-state.js";
import type { HistoryOptions } from "../../src/client/history.js";
import { fill, numbered } from "../support/fill.js";
import { collect, errorOf } from "../support/streams.js";
import { connected } from "./support/connected.js";
import { shortenPauses } from "./support/short-pauses.js";
import { wireNames } from "./support/wires.js";

shortenPauses();

async function filled(count: number, wire = wireNames[0]) {
  const all = await connected(wire);
  await fill(all.server.log, numbered(count));
  const texts = async (options?: HistoryOptions) =>
    (await collect(all.client.history(options))).map(({ message }) => message);
  return { ...all, texts };
}

test.each(wireNames)("over %s history has everything, or what is asked for", async (wire) => {
  const { client, texts } = await filled(20, wire);
  expect(await texts()).toEqual(numbered(20));
  expect(await texts({ last: 2 })).toEqual(["m19", "m20"]);
  expect(await texts({ last: 5, limit: 2 })).toEqual(["m16", "m17"]);
  const [third] = await collect(client.history({ last: 18, limit: 1 }));
  expect(third?.message).toBe("m3");
  expect(await texts({ after: third!.cursor, limit: 3 })).toEqual(["m4", "m5", "m6"]);
  expect(await texts({ after: third!.cursor, before: 7n })).toEqual(["m4", "m5", "m6"]);
  expect(await texts({ before: 3n })).toEqual(["m1", "m2"]);
});

test("pages forward by cursor", async () => {
  const { client } = await filled(25);
  const pages: string[][] = [];
  let after: string | undefined;
  for (;;) {
    const page = await collect(client.history({ after, limit: 10 }));
    if (page.length === 0) {
      break;
    }
    pages.push(page.map(({ message }) => message));
    after = page.at(-1)!.cursor;
  }
  expect(pages.map(({ length }) => length)).toEqual([10, 10, 5]);
  expect(pages.flat()).toEqual(numbered(25));
});

test("pages backward by sequence, while the head moves on", async () => {
  const { client, server } = await filled(25);
  const pages: string[][] = [];
  let before: bigint | undefined;
  for (;;) {
    const page = await collect(client.history({ before, last: 10 }));
    if (page.length === 0) {
      break;
    }
    pages.unshift(page.map(({ message }) => message));
    before = page[0]!.sequence;
    await fill(server.log, numbered(30, "later"));
  }
  expect(pages.map(({ length }) => length)).toEqual([5, 10, 10]);
  expect(pages.flat()).toEqual(numbered(25));
});

test("backward, a head that runs ahead between the calls is caught up with", async () => {
  const { server, texts } = await filled(100);
  const { beforeLast } = server.log;
  let calls = 0;
  server.log.beforeLast = async (count) => {
    if (count > 1 && ++calls < 50) {
      await fill(server.log, numbered(100, "later"));
    }
    return beforeLast.call(server.log, count);
  };
  expect(await texts({ before: 51n, last: 10 })).toEqual(numbered(50).slice(40));
  expect(calls).toBeGreaterThan(1);
  expect(calls).toBeLessThan(10);
});

test("what is cut brings no more than the last ones, though the head has moved on", async () => {
  const { client, proxy, server } = await filled(20_000);
  const received: string[] = [];
  for await (const { message } of client.history({ last: 15_000 })) {
    if (received.push(message) === 1) {
      proxy.cut();
      await fill(server.log, numbered(10, "later"));
    }
  }
  expect(received).toEqual(numbered(20_000).slice(5_000));
  expect(proxy.connections).toBe(2);
});

test("a history tells its state: that it waits, and how it ends", async () => {
  const { client, proxy } = await filled(20_000);
  const states: string[] = [];
  const onState = ({ status }: ConnectionState) => states.push(status);
  for await (const { sequence } of client.history({ onState })) {
    if (sequence === 10n) {
      proxy.cut();
    }
  }
  expect(states).toEqual(["connecting", "live", "waiting", "connecting", "live", "closed"]);

  const ends: ConnectionState[] = [];
  const error = await errorOf(client.history({ after: "x", onState: (end) => ends.push(end) }));
  expect(ends.at(-1)).toEqual({ status: "closed", reason: error });

  states.length = 0;
  for await (const _ of client.history({ before: 15_000n, last: 5, onState })) {
    break;
  }
  expect(states.at(-1)).toBe("closed");
  expect(states.filter((status) => status === "closed")).toHaveLength(1);
});

test("an empty log, and one with nothing before, have nothing", async () => {
  const { client, texts } = await filled(0);
  expect(await texts()).toEqual([]);
  expect(await texts({ before: 5n, last: 5 })).toEqual([]);
  await client.publisher().post("1");
  expect(await texts({ before: 1n, last: 5 })).toEqual([]);
  expect(await texts({ before: 2n, last: 5 })).toEqual(["1"]);
});

test.each(wireNames)("over %s a history that is cut continues where it was", async (wire) => {
  const { client, proxy } = await filled(30_000, wire);
  const received: string[] = [];
  for await (const { message } of client.history({ limit: 25_000 })) {
    if (received.push(message) % 10_000 === 0) {
      proxy.cut();
    }
  }
  expect(received).toEqual(numbered(25_000));
  expect(proxy.connections).toBeGreaterThan(1);
});

test("invalid counts, and after with last, are refused at once", async () => {
  const { client } = await connected();
  expect(() => client.history({ limit: 0 })).toThrow(RangeError);
  expect(() => client.history({ last: 1.5 })).toThrow(RangeError);
  expect(() => client.history({ after: "c", last: 1 })).toThrow(TypeError);
});
