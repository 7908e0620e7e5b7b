import { expect, test } from "vitest";
import type { Subscription } from "../../src/client/subscription.js";
import { fill, numbered } from "../support/fill.js";
import { sleep } from "../support/streams.js";
import { connected } from "./support/connected.js";
import { when } from "./support/when.js";
import { wireNames } from "./support/wires.js";

async function take(subscription: Subscription, count: number): Promise<string[]> {
  const texts: string[] = [];
  for await (const { message } of subscription) {
    if (texts.push(message) === count) {
      break;
    }
  }
  return texts;
}

test.each(wireNames)("over %s live from now means from the call on, not the loop", async (wire) => {
  const { client, server } = await connected(wire);
  await fill(server.log, ["before"]);
  const subscription = client.subscribe();
  await when(() => subscription.state.status === "live");
  await fill(server.log, ["1", "2"]);
  expect(await take(subscription, 2)).toEqual(["1", "2"]);
});

test.each(wireNames)(
  "over %s a subscriber that is cut before its first event resumes without a hole",
  async (wire) => {
    const { client, server, proxy } = await connected(wire);
    await fill(server.log, ["before"]);
    const subscription = client.subscribe();
    expect(subscription.cursor).toBeUndefined();
    await when(() => subscription.state.status === "live");
    expect(subscription.cursor).toHaveLength(16);
    proxy.cut();
    await fill(server.log, ["1", "2"]);
    expect(await take(subscription, 2)).toEqual(["1", "2"]);
  },
);

test("its cursor is that of the last message that the loop was given", async () => {
  const { client, server } = await connected();
  const subscription = client.subscribe();
  await when(() => subscription.state.status === "live");
  await fill(server.log, numbered(10));
  await sleep(50); // the first message has arrived, but nobody has it
  const again = client.subscribe({ after: subscription.cursor });
  expect(await take(again, 4)).toEqual(["m1", "m2", "m3", "m4"]);
  const later = client.subscribe({ after: again.cursor });
  expect(await take(later, 2)).toEqual(["m5", "m6"]);
  await subscription.return();
});

test("bookmarks are no messages", async () => {
  const { client, server } = await connected();
  const subscription = client.subscribe({ bookmarkSeconds: 1 });
  await when(() => subscription.state.status === "live");
  await sleep(1_300);
  await fill(server.log, ["1"]);
  expect(await take(subscription, 1)).toEqual(["1"]);
});

test("bookmarkSeconds that the server does not take are refused at once", async () => {
  const { client } = await connected();
  for (const bookmarkSeconds of [0, 1.5, 3_601]) {
    expect(() => client.subscribe({ bookmarkSeconds })).toThrow(RangeError);
  }
});
