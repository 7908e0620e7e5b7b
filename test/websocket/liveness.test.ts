import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { pingPolicy } from "../../src/server/websocket/ping-policy.js";
import { openingMessage, openRaw, post, text } from "../support/websocket-raw.js";
import { aborted, Feed, startTunnel, until } from "../support/websocket-service.js";

const configure = pingPolicy({ intervalMs: 50, missed: 2 });

test("an idle peer that answers pings lives, one that misses two is cut and its call cancelled", async () => {
  const reasons: unknown[] = [];
  const { port, bridge } = await startTunnel(
    {
      async listener(_, { signal }) {
        await aborted(signal);
        reasons.push(signal.reason);
        throw signal.reason;
      },
    },
    { configure },
  );
  const healthy = openRaw(port, "Listener").write(openingMessage());
  const mute = openRaw(port, "Listener").write(openingMessage());
  mute.pongs = false;
  mute.closes = false;
  await until(() => mute.ended);
  expect(mute.pings).toBe(2);
  await until(() => bridge.openCalls === 1);
  expect(reasons).toMatchObject([{ code: Code.Unavailable }]);
  await until(() => healthy.pings >= 6);
  expect(healthy.ended).toBe(false);
});

test("a peer is not cut because our own handler is too slow to read its pongs", async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { port } = await startTunnel(
    {
      async listener(requests) {
        await gate;
        let stored = 0n;
        for await (const _ of requests) {
          stored++;
        }
        return { stored };
      },
    },
    { configure },
  );
  const raw = openRaw(port, "Listener").write(openingMessage());
  for (let i = 0; i < 40; i++) {
    raw.write(post("x".repeat(50_000)));
  }
  raw.write(text("null"));
  await new Promise((resolve) => setTimeout(resolve, 400));
  open();
  await raw.closed();
  expect(raw.body.toString()).toContain(`"stored":"40"`);
});

test("a peer that was cut while our handler was too slow to read is noticed all the same", async () => {
  let closed = false;
  const { port, bridge } = await startTunnel(
    { listener: (_, { signal }) => aborted(signal).then(() => ({})) },
    {
      configure(socket, call) {
        configure(socket, call);
        socket.once("close", () => {
          closed = true;
        });
      },
    },
  );
  const raw = openRaw(port, "Listener").write(openingMessage());
  await until(() => bridge.openCalls === 1);
  for (let i = 0; i < 10; i++) {
    raw.write(post("x".repeat(50_000)));
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  raw.socket.resetAndDestroy();
  await until(() => closed, 2_000);
});

test("one endpoint can have an interval of its own", async () => {
  const hang = () => new Promise<never>(() => {});
  const path = "/chatter.v1.ChatterService/Listener";
  const { port } = await startTunnel(
    { listener: hang, summary: hang },
    { endpoints: { [path]: { configure } } },
  );
  const own = openRaw(port, "Listener").write(openingMessage());
  const other = openRaw(port, "Summary").write(openingMessage());
  await until(() => own.pings >= 3);
  expect(other.pings).toBe(0);
});

/** A server that opens tunnels and then does what the test says. */
async function startFake(onSocket: (socket: WebSocket) => void) {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", onSocket);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of sockets.clients) {
        socket.terminate();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("a server without a sign of life is given up with unavailable; heartbeats are enough", async () => {
  const { client } = await startTunnel(
    { listener: () => new Promise(() => {}) },
    { heartbeatMs: 30 },
  );
  const silent = await startFake(() => {});
  const controller = new AbortController();
  const alive = client({ silenceMs: 150 }).listener(new Feed(), { signal: controller.signal });
  let aliveEnded = false;
  alive.catch(() => {
    aliveEnded = true;
  });
  const start = Date.now();
  await expect(
    client({ baseUrl: silent.baseUrl, silenceMs: 150 }).listener(new Feed()),
  ).rejects.toMatchObject({
    code: Code.Unavailable,
    rawMessage: expect.stringContaining("sign of life"),
  });
  expect(Date.now() - start).toBeGreaterThanOrEqual(140);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(aliveEnded).toBe(false);
  controller.abort();
  await alive.catch(() => {});
  await silent.close();
});
