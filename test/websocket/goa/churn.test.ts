import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { startChatter, type TestServer } from "../../support/chatter-server.js";
import { collectGarbage } from "../../support/memory.js";
import { until } from "../../support/streams.js";
import { close, text } from "../../support/websocket-raw.js";
import { openFrames, refused } from "./client.js";

/** One short life of a socket, each kind in turn. */
async function live(server: TestServer, i: number): Promise<void> {
  if (i % 6 === 0) {
    await refused(server, "/subscribe");
    return;
  }
  const path = ["/subscribe", "/echoer", "/listener", "/summary", "/history?last=1"][(i % 6) - 1]!;
  const raw = openFrames(server, path);
  await raw.opened();
  switch (i % 4) {
    case 0:
      raw.socket.resetAndDestroy();
      break;
    case 1:
      raw.write(text('"a"'), close(1000));
      break;
    case 2:
      raw.socket.end(Buffer.concat([text('"a"'), text("null")]));
      break;
    case 3:
      raw.write(text("1"));
      break;
  }
  await until(() => raw.ended || (i % 6 === 1 && i % 4 === 2), "the end");
  raw.socket.destroy();
}

test("1,000 opens and closes of every kind leave no descriptor, timer, call or memory behind", async () => {
  const server = await startChatter();
  const turn = async (count: number) => {
    for (let i = 0; i < count; i += 24) {
      await Promise.all(Array.from({ length: 24 }, (_, k) => live(server, i + k)));
    }
    await until(() => server.chatter.openCalls === 0, "no call is open");
    // Refused ones linger for a moment.
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    collectGarbage();
    return {
      descriptors: readdirSync("/proc/self/fd").length,
      resources: process.getActiveResourcesInfo().length,
      heap: process.memoryUsage().heapUsed,
    };
  };
  const before = await turn(240);
  const after = await turn(1_000);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 2);
  expect(after.resources).toBeLessThanOrEqual(before.resources + 2);
  expect(after.heap - before.heap).toBeLessThan(8 * 1024 * 1024);
}, 60_000);
