import { Code, createClient } from "@connectrpc/connect";
import { expect, onTestFinished, test, vi } from "vitest";
import { WebSocket } from "ws";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { demoUsers } from "../../src/server/auth/users/demo-users.js";
import { startChatter } from "../support/chatter-server.js";
import { fill } from "../support/fill.js";
import { collect, errorOf } from "../support/streams.js";
import { clientFor, connected } from "./support/connected.js";
import { startProxy } from "./support/proxy.js";
import { when } from "./support/when.js";
import { demo, wireNames } from "./support/wires.js";

const hourMs = 3_600_000;

/** Sets this computer's clock, which then stands there. */
function setClock(stepMs: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + stepMs });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

test.each(wireNames)(
  "over %s a subscriber leaves a dead connection though its clock was set back",
  async (wire) => {
    const { client, server, proxy } = await connected(wire);
    const subscription = client.subscribe({ bookmarkSeconds: 1 });
    await when(() => subscription.state.status === "live");
    proxy.freeze();
    setClock(-hourMs);
    await fill(server.log, ["meanwhile"]);
    for await (const { message } of subscription) {
      expect(message).toBe("meanwhile");
      break;
    }
  },
);

test("a tunnel without a sign of life is given up though the clock was set back", async () => {
  const server = await startChatter();
  const proxy = await startProxy(server.url);
  const transport = createWebSocketTransport({
    baseUrl: proxy.url,
    webSocket: WebSocket,
    silenceMs: 300,
  });
  let live = false;
  const events = createClient(ChatterService, transport).subscribe(
    {},
    {
      headers: server.headers,
      onHeader() {
        live = true;
        proxy.freeze();
        setClock(-hourMs);
      },
    },
  );
  const error = await errorOf(events);
  expect(live).toBe(true);
  expect([error.code, error.rawMessage]).toEqual([
    Code.Unavailable,
    "no sign of life from the server for 0 s",
  ]);
});

test("a token is renewed ahead of its expiry though the clock was set back", async () => {
  const key = await parseSigningKey("k".repeat(32), "test");
  const tokens = createTokens({ key, lifetimeSeconds: 2 });
  const inner = createAuth({ users: demoUsers(), tokens });
  let logins = 0;
  const auth: typeof inner = {
    ...inner,
    login: (...args) => {
      logins++;
      return inner.login(...args);
    },
  };
  const server = await startChatter({ auth });
  const client = clientFor({ url: server.url, auth: demo });
  await collect(client.history());
  expect(logins).toBe(1);
  setClock(-hourMs);
  // For the server, which uses the same clock, the old token would still be valid.
  while (logins === 1) {
    await collect(client.history());
  }
});
