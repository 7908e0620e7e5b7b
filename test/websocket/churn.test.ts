import { getEventListeners } from "node:events";
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { createWebSocketClient } from "../../src/client/tunnel/client.js";
import { collectGarbage } from "../support/memory.js";
import { close, openingMessage, openRaw, post, text } from "../support/websocket-raw.js";
import {
  aborted,
  echo,
  startTunnel,
  type TunnelServer,
  until,
} from "../support/websocket-service.js";

const rounds = 1_000;

function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** Timers, sockets and the like that keep the process alive. */
function resources(): number {
  return process.getActiveResourcesInfo().length;
}

async function heap(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().heapUsed;
}

/** One short life of a socket, each kind in turn. */
async function live({ port, client }: TunnelServer, i: number): Promise<void> {
  switch (i % 5) {
    case 0:
      await client().login({});
      break;
    case 1: {
      const controller = new AbortController();
      const events = client().subscribe({}, { signal: controller.signal })[Symbol.asyncIterator]();
      await events.next();
      controller.abort();
      await events.next().catch(() => {});
      break;
    }
    case 2: {
      const raw = openRaw(port, "Echoer").write(openingMessage(), post("a"));
      await until(() => raw.body.length > 0);
      raw.socket.resetAndDestroy();
      break;
    }
    case 3: {
      const raw = openRaw(port, "Echoer").write(openingMessage(), close(1000));
      await until(() => raw.ended);
      break;
    }
    case 4: {
      const raw = openRaw(port, "Echoer").write(text("null"));
      await until(() => raw.ended);
      break;
    }
  }
}

test("1,000 opens and closes of every kind leave no descriptor, timer, call or memory behind", async () => {
  const started = await startTunnel({
    login: () => ({}),
    echoer: echo,
    async *subscribe(_, { signal }) {
      yield {};
      await aborted(signal);
    },
  });
  const turn = async (count: number) => {
    for (let i = 0; i < count; i += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, j) => live(started, i + j)));
    }
    await until(() => started.bridge.openCalls === 0);
  };
  await turn(200);
  // What is closing has closed.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const before = { descriptors: descriptors(), resources: resources(), heap: await heap() };
  await turn(rounds);
  await until(() => descriptors() <= before.descriptors && resources() <= before.resources);
  expect((await heap()) - before.heap).toBeLessThan(3 * 1024 * 1024);
});

test("a signal that outlives its calls keeps no listener of theirs", async () => {
  const { url } = await startTunnel({ login: () => ({}) });
  const { signal } = new AbortController();
  const client = createWebSocketClient({ webSocket: WebSocket });
  const call = (path: string) =>
    client({
      url: url + path,
      method: "POST",
      header: new Headers({ "content-type": "application/json" }),
      signal,
    });
  const { body } = await call("/chatter.v1.ChatterService/Login");
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  for await (const _ of body) {
    // To its end.
  }
  await expect(call("/nothing")).rejects.toThrow("404");
  expect(getEventListeners(signal, "abort")).toEqual([]);
});
