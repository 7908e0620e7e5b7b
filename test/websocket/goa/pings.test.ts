import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, expect, test, vi } from "vitest";
import type { ConfigureConnection } from "../../../src/server/websocket/route.js";
import { startChatter } from "../../support/chatter-server.js";
import { until } from "../../support/streams.js";
import { text } from "../../support/websocket-raw.js";
import { openFrames } from "./client.js";

// Minutes would pass: only the clock of the pings is moved on by hand.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  return () => vi.useRealTimers();
});

/** Some time for what was sent to arrive. */
const aMoment = () => new Promise((resolve) => setTimeout(resolve, 50));

test("/subscribe is pinged every 3 s; who misses two is cut, who answers lives", async () => {
  const server = await startChatter();
  const healthy = await openFrames(server, "/subscribe").opened();
  const mute = openFrames(server, "/subscribe");
  mute.pongs = false;
  await mute.opened();
  await vi.advanceTimersByTimeAsync(2_900);
  await aMoment();
  expect(healthy.pings).toBe(0);
  await vi.advanceTimersByTimeAsync(200);
  await until(() => healthy.pings === 1 && mute.pings === 1, "a ping");
  await aMoment();
  await vi.advanceTimersByTimeAsync(3_000);
  await until(() => healthy.pings === 2 && mute.pings === 2, "another ping");
  await aMoment();
  expect(mute.ended).toBe(false);
  await vi.advanceTimersByTimeAsync(3_000);
  await until(() => mute.ended, "the cut");
  await until(() => server.chatter.openCalls === 1, "its call is over");
  for (let i = 3; i < 12; i++) {
    await until(() => healthy.pings >= i, "more pings");
    await aMoment();
    await vi.advanceTimersByTimeAsync(3_000);
  }
  expect(healthy.ended).toBe(false);
});

test.each(["/listener", "/summary", "/echoer"])("%s is pinged every 25 s", async (path) => {
  const server = await startChatter();
  const raw = await openFrames(server, path).opened();
  await vi.advanceTimersByTimeAsync(24_900);
  await aMoment();
  expect(raw.pings).toBe(0);
  await vi.advanceTimersByTimeAsync(200);
  await until(() => raw.pings === 1, "a ping");
});

test("the settings of an endpoint stand before its own, and these before those of all", async () => {
  const configured: string[] = [];
  const hook =
    (name: string): ConfigureConnection =>
    (_, { request }) => {
      configured.push(`${name} ${request.url}`);
    };
  const server = await startChatter({
    webSocket: {
      configure: hook("all"),
      endpoints: { "/summary": { configure: hook("one"), socket: { maxPayload: 10 } } },
    },
  });
  const raws = ["/echoer", "/summary", "/subscribe"].map((path) => openFrames(server, path));
  await Promise.all(raws.map((raw) => raw.opened()));
  expect(configured.toSorted()).toEqual(["all /echoer", "one /summary"]);
  await vi.advanceTimersByTimeAsync(3_100);
  await until(() => raws[2]!.pings === 1, "a ping");
  expect(raws.map(({ pings }) => pings)).toEqual([0, 0, 1]);
  for (const raw of raws.slice(0, 2)) {
    raw.write(text('"0123456789"'));
  }
  await raws[1]!.closed();
  expect(raws[1]!.closeCode).toBe(1009);
  expect(raws[0]!.ended).toBe(false);
});

test("a hook may cancel the call, with an error of its own", async () => {
  const late = new ConnectError("ten minutes are over", Code.ResourceExhausted);
  const server = await startChatter({
    webSocket: {
      configure: (_, call) => call.cancel(),
      endpoints: { "/subscribe": { configure: (_, call) => call.cancel(late) } },
    },
  });
  const echo = openFrames(server, "/echoer");
  await echo.closed();
  expect(echo.closeCode).toBe(4001);
  const events = openFrames(server, "/subscribe");
  await events.closed();
  expect(events).toMatchObject({ closeCode: 4008, closeReason: "ten minutes are over" });
  await until(() => server.chatter.openCalls === 0, "no call is open");
});
