import { expect, test } from "vitest";
import { collect, errorOf } from "../support/streams.js";
import { clientFor, connected } from "./support/connected.js";
import { when } from "./support/when.js";
import { wireNames } from "./support/wires.js";

test.each(wireNames)(
  "over %s an aborted subscription ends its loop, and the call",
  async (wire) => {
    const { client, server } = await connected(wire);
    const abort = new AbortController();
    const subscription = client.subscribe({ signal: abort.signal });
    const received = collect(subscription);
    await when(() => subscription.state.status === "live");
    abort.abort();
    expect(await received).toEqual([]);
    await when(() => server.chatter.openCalls === 0);
  },
);

test.each(wireNames)("over %s leaving the loop ends the call", async (wire) => {
  const { client, server } = await connected(wire);
  const subscription = client.subscribe();
  await when(() => subscription.state.status === "live");
  await server.log.append([{ text: "1", sender: "goa", messageId: "" }]);
  for await (const _ of subscription) {
    break;
  }
  expect(await subscription.next()).toEqual({ done: true, value: undefined });
  await when(() => server.chatter.openCalls === 0);
});

test("an aborted subscription that nobody reads ends its call too", async () => {
  const { client, server } = await connected();
  const abort = new AbortController();
  const subscription = client.subscribe({ signal: abort.signal });
  await server.log.append([{ text: "1", sender: "goa", messageId: "" }]);
  await when(() => subscription.state.status === "live");
  abort.abort();
  expect(subscription.state).toEqual({ status: "closed" });
  await when(() => server.chatter.openCalls === 0);
});

test("abort ends a pause between tries, and a signal that is aborted already is heard", async () => {
  const client = clientFor({ url: "http://127.0.0.1:1", auth: { token: "t" } });
  const abort = new AbortController();
  const subscription = client.subscribe({ signal: abort.signal });
  const received = collect(subscription);
  await when(() => subscription.state.status === "waiting");
  abort.abort();
  expect(await received).toEqual([]);
  const late = client.subscribe({ signal: abort.signal });
  expect(await collect(late)).toEqual([]);
  expect(late.state).toEqual({ status: "closed" });
});

test("aborted history and posts fail with the signal's reason", async () => {
  const client = clientFor({ url: "http://127.0.0.1:1", auth: { token: "t" } });
  const reason = new Error("enough");
  const abort = new AbortController();
  const publisher = client.publisher({ signal: abort.signal });
  const post = publisher.post("1");
  const closed = publisher.close();
  const history = collect(client.history({ signal: abort.signal }));
  abort.abort(reason);
  await expect(post).rejects.toBe(reason);
  await expect(closed).rejects.toBe(reason);
  await expect(history).rejects.toBe(reason);
  await expect(publisher.post("2")).rejects.toBe(reason);
});

test("no listener stays on a signal that outlives its calls", async () => {
  const { client } = await connected();
  const signal = countingSignal();
  await client.publisher({ signal }).close();
  await collect(client.history({ signal }));
  const subscription = client.subscribe({ signal });
  await when(() => subscription.state.status === "live");
  await subscription.return();
  expect(signal.listeners).toBe(0);
});

test.each(wireNames)("over %s closing the client ends everything", async (wire) => {
  const { client, server } = await connected(wire);
  const plain = client.client.subscribe({});
  const ended = errorOf(plain);
  const uploading = errorOf(client.client.listener(endless()));
  await when(() => server.chatter.openCalls === 2);
  const subscription = client.subscribe();
  const publisher = client.publisher();
  await publisher.post("1");
  client.close();
  expect((await collect(subscription)).length).toBeLessThanOrEqual(2);
  expect((await errorOf(publisher.post("2"))).message).toBe("[canceled] the client was closed");
  for (const call of [ended, uploading, errorOf(client.client.history({}))]) {
    expect((await call).message).toBe("[canceled] the client was closed");
  }
  await when(() => server.chatter.openCalls === 0);
});

async function* endless() {
  yield { message: "1" };
  await new Promise(() => {});
}

function countingSignal(): AbortSignal & { listeners: number } {
  const { signal } = new AbortController();
  const counted = Object.assign(signal, { listeners: 0 });
  const { addEventListener, removeEventListener } = signal;
  const live = new Set<unknown>();
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    live.add(args[1]);
    counted.listeners = live.size;
    return addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    live.delete(args[1]);
    counted.listeners = live.size;
    return removeEventListener.apply(signal, args);
  };
  return counted;
}
