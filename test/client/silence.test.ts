import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import type { ConnectionState } from "../../src/client/connection-state.js";
import { fill } from "../support/fill.js";
import { collect, sleep } from "../support/streams.js";
import { connected } from "./support/connected.js";
import { when } from "./support/when.js";
import { wireNames } from "./support/wires.js";

function silences(states: readonly ConnectionState[]): number {
  return states.filter(
    (state) => state.status === "waiting" && /has been silent for/.test(state.reason.rawMessage),
  ).length;
}

test("a subscriber leaves a dead connection when three bookmarks are missing", async () => {
  await Promise.all(
    wireNames.map(async (wire) => {
      const { client, server, proxy } = await connected(wire);
      const states: ConnectionState[] = [];
      const onState = (state: ConnectionState) => states.push(state);
      const subscription = client.subscribe({ bookmarkSeconds: 1, onState });
      await when(() => subscription.state.status === "live");
      proxy.freeze();
      await server.log.append([{ text: "meanwhile", sender: "goa", messageId: "" }]);
      for await (const { message } of subscription) {
        expect(message).toBe("meanwhile");
        break;
      }
      expect(silences(states)).toBe(1);
      const waiting = states.find((state) => state.status === "waiting");
      expect(waiting?.reason.code).toBe(Code.Unavailable);
    }),
  );
});

test("a quiet log, and a slow loop, are no silence", async () => {
  const quiet = await connected();
  const slow = await connected();
  const states: ConnectionState[] = [];
  const onState = (state: ConnectionState) => states.push(state);
  const nothing = quiet.client.subscribe({ bookmarkSeconds: 1, onState });
  const slowly = slow.client.subscribe({ bookmarkSeconds: 1, onState });
  await when(() => states.filter(({ status }) => status === "live").length === 2);

  await fill(slow.server.log, ["1", "2"]);
  const received: string[] = [];
  for await (const { message } of slowly) {
    if (received.push(message) === 2) {
      break;
    }
    await sleep(3_500);
  }
  expect(received).toEqual(["1", "2"]);
  expect(nothing.state).toEqual({ status: "live" });
  expect(states.filter(({ status }) => status === "waiting")).toEqual([]);
});

test("a publisher without an answer posts again, on another connection, once", async () => {
  await Promise.all(
    wireNames.map(async (wire) => {
      const { client, proxy } = await connected(wire);
      const states: ConnectionState[] = [];
      const onState = (state: ConnectionState) => states.push(state);
      const publisher = client.publisher({ answerMs: 500, onState });
      await publisher.post("1");
      await sleep(600); // it waits for nothing: no silence
      expect(silences(states)).toBe(0);

      proxy.freeze();
      await Promise.all([publisher.post("2"), publisher.post("3")]);
      expect(silences(states)).toBeGreaterThan(0);
      const stored = await collect(client.history());
      expect(stored.map(({ message }) => message)).toEqual(["1", "2", "3"]);
    }),
  );
});
