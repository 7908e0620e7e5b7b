import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import type { ConnectionState } from "../../src/client/connection-state.js";
import { errorOf } from "../support/streams.js";
import { clientFor, connected } from "./support/connected.js";
import { when } from "./support/when.js";
import { wireNames } from "./support/wires.js";

test.each(wireNames)("a subscription over %s tells each change of its state", async (wire) => {
  const { server, proxy, client } = await connected(wire);
  const states: ConnectionState[] = [];
  const subscription = client.subscribe({ onState: (state) => states.push(state) });
  expect(subscription.state).toEqual({ status: "connecting" });
  await when(() => subscription.state.status === "live");

  proxy.cut();
  await when(() => states.length > 2 && subscription.state.status === "live");
  expect(states.map(({ status }) => status)).toEqual([
    "connecting",
    "live",
    "waiting",
    "connecting",
    "live",
  ]);
  const waiting = states[2] as Extract<ConnectionState, { status: "waiting" }>;
  expect(waiting.reason.rawMessage).not.toBe("");
  expect(waiting.delayMs).toBeGreaterThanOrEqual(0);
  expect(waiting.delayMs).toBeLessThanOrEqual(200);

  await subscription.return();
  expect(states.at(-1)).toEqual({ status: "closed" });
  expect(subscription.state).toEqual({ status: "closed" });
  await when(() => server.chatter.openCalls === 0);
});

test("a subscription that fails for good is closed with the reason", async () => {
  const { client } = await connected();
  const subscription = client.subscribe({ after: "no cursor" });
  const error = await errorOf(subscription);
  expect(error.code).toBe(Code.InvalidArgument);
  expect(subscription.state).toEqual({ status: "closed", reason: error });
});

test("while no server answers, the pauses grow and each gives its reason", async () => {
  const states: ConnectionState[] = [];
  const client = clientFor({ url: "http://127.0.0.1:1", auth: { token: "t" } });
  const subscription = client.subscribe({ onState: (state) => states.push(state) });
  await when(() => states.filter(({ status }) => status === "waiting").length === 3);
  const waits = states.filter((state) => state.status === "waiting");
  expect(waits.map(({ reason }) => reason.code)).toEqual(Array(3).fill(Code.Unavailable));
  expect(waits[0]!.delayMs).toBeLessThanOrEqual(200);
  expect(waits[2]!.delayMs).toBeLessThanOrEqual(800);
  await subscription.return();
});

test("a publisher is idle until it has something to post, and live when it is answered", async () => {
  const { client, proxy } = await connected();
  const states: string[] = [];
  const publisher = client.publisher({ onState: ({ status }) => states.push(status) });
  expect(publisher.state).toEqual({ status: "idle" });
  await publisher.post("a");
  expect(publisher.state).toEqual({ status: "live" });
  proxy.cut();
  await when(() => publisher.state.status === "idle");
  await publisher.post("b");
  await publisher.close();
  expect(states).toEqual(["connecting", "live", "waiting", "idle", "connecting", "live", "closed"]);
});

test("a listener may look at what it listens to, from the first state on", async () => {
  const { client } = await connected();
  const states: string[] = [];
  const subscription = client.subscribe({ onState: () => states.push(subscription.state.status) });
  const publisher = client.publisher({ onState: () => states.push(publisher.state.status) });
  await when(() => subscription.state.status === "live");
  expect(states).toEqual(["connecting", "live"]);
  await publisher.post("1");
  expect(states).toEqual(["connecting", "live", "connecting", "live"]);

  const ended = client.subscribe({
    signal: AbortSignal.abort(),
    onState: () => states.push(ended.state.status),
  });
  await ended.next();
  expect(states.at(-1)).toBe("closed");
});

test("what a listener throws is the program's, and does not come between", async () => {
  const { client, server } = await connected();
  const caught: string[] = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", ({ message }) => caught.push(message));
  try {
    const onState = ({ status }: ConnectionState) => {
      throw new Error(status);
    };
    const subscription = client.subscribe({ onState });
    await when(() => subscription.state.status === "live");
    const publisher = client.publisher({ onState });
    await publisher.post("1");
    await publisher.post("2");
    await publisher.close();
    for await (const { message } of subscription) {
      if (message === "2") {
        break;
      }
    }
    expect(server.log.head).toBe(2);
    const states = ["connecting", "live", "closed"];
    await when(() => caught.length === 6);
    expect(caught.toSorted()).toEqual([...states, ...states].toSorted());
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) {
      process.on("uncaughtException", listener);
    }
  }
});
