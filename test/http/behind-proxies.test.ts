import { once } from "node:events";
import { chmodSync, readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { Code, type Interceptor } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import type { ChatterOptions } from "../../src/server/chatter-options.js";
import { peerAddressKey } from "../../src/server/net/peer-address.js";
import { pingPolicy } from "../../src/server/websocket/ping-policy.js";
import { createAuthority } from "../support/certificates.js";
import { startChatter } from "../support/chatter-server.js";
import { caddy, nginx, type ReverseProxy, startableProxies } from "../support/proxies.js";
import { collect, errorOf, Outbox, until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { clientOf, fullDuplexWires, mainWires, tunnelClientOf } from "../support/wires.js";
import { openGoa } from "../websocket/goa/client.js";

const authority = createAuthority();
const { cert: ca } = authority;
const certificate = authority.issue();
const textBytes = 60_000;
/** What clients ask the proxy for. */
const proxiedHost = "localhost";

/** Chatter behind a proxy: everything goes through the proxy. */
async function start(
  proxy: ReverseProxy,
  options: Partial<ChatterOptions> = {},
  timeoutSeconds?: number,
) {
  const server = await startChatter({
    trustedProxies: ["127.0.0.1"],
    allowedHosts: [proxiedHost],
    ...options,
  });
  const { url } = await proxy.start({
    url: server.url,
    certificate,
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
  });
  return { ...server, url, ca };
}

type Started = Awaited<ReturnType<typeof start>>;

/** Every way for a generated client to connect. */
function clientsOf(server: Started, wires = mainWires) {
  return [
    ...wires.map((wire) => [wire.name, clientOf(server, wire)] as const),
    ["tunnel", tunnelClientOf(server)] as const,
  ];
}

test.each([nginx, caddy])("docs/proxies.md has the configuration of $name", ({ file }) => {
  const docs = readFileSync(new URL("../../docs/proxies.md", import.meta.url), "utf8");
  expect(docs).toContain(readFileSync(file, "utf8"));
});

describe.each(startableProxies())("$name", (proxy) => {
  test("calls of every wire get through, and errors as they are", async () => {
    const server = await start(proxy);
    for (const [name, client] of clientsOf(server)) {
      const { token } = await client.login({ user: "goa", password: "rocks" });
      expect(token, name).not.toBe("");
      const wrong = await errorOf(client.login({ user: "goa", password: "wrong" }));
      expect([wrong.code, wrong.rawMessage], name).toEqual([
        Code.Unauthenticated,
        "invalid username and password combination",
      ]);
      const headers = { authorization: "Bearer none" };
      expect((await errorOf(client.history({}, { headers }))).code, name).toBe(
        Code.Unauthenticated,
      );
      expect(await collect(client.history({})), name).toEqual([]);
    }
    for (const path of ["/", "/livez", "/readyz"]) {
      const asked = request(server.url + path, { ca }).end();
      const [response] = await once(asked, "response");
      expect(response.resume().statusCode).toBe(200);
    }
  });

  test("both directions stream at once", async () => {
    const server = await start(proxy);
    for (const [name, client] of clientsOf(server, fullDuplexWires)) {
      const outbox = new Outbox<{ message: string }>();
      const answers = client.echoer(outbox)[Symbol.asyncIterator]();
      for (const message of ["one", "two", "three"]) {
        outbox.send({ message });
        expect((await answers.next()).value, name).toMatchObject({ message });
      }
      outbox.end();
      expect((await answers.next()).done).toBe(true);
    }
    const socket = await openGoa(server, "/echoer");
    await socket.send("one").received(1);
    await socket.send("two", null).received(2);
    expect(socket.messages).toEqual(["one", "two"]);
    expect((await socket.closed()).code).toBe(1000);
  });

  test("uploads are passed on as they come, and may be long", async () => {
    const server = await start(proxy);
    for (const [name, client] of clientsOf(server)) {
      const before = server.log.head;
      const outbox = new Outbox<{ message: string }>();
      const answer = client.listener(outbox);
      outbox.send({ message: "first" });
      await until(() => server.log.head === before + 1, `${name}: the first message is stored`);
      const message = "x".repeat(textBytes);
      outbox.send(...Array.from({ length: 40 }, () => ({ message })));
      outbox.end();
      expect((await answer).stored, name).toBe(41n);
    }
  });

  test("a stream may be idle for longer than the proxy's timeout", async () => {
    const timeoutSeconds = 3;
    const pings = { configure: pingPolicy({ intervalMs: 1_000 }) };
    const webSocket = { heartbeatMs: 1_000, endpoints: { "/subscribe": pings } };
    const server = await start(proxy, { webSocket }, timeoutSeconds);
    const clients = clientsOf(server);

    // Bookmarks keep the streams of HTTP open, pings and heartbeats those of WebSockets.
    const bookmarked = clients.map(async ([name, client]) => {
      const bookmarkSeconds = name === "tunnel" ? 0 : 1;
      const seen: string[] = [];
      for await (const { message } of client.subscribe({ bookmarkSeconds })) {
        seen.push(message);
        if (message !== "") {
          break;
        }
      }
      return seen;
    });
    const goa = await openGoa(server, "/subscribe");
    const silent = mainWires.map((wire) => errorOf(clientOf(server, wire).subscribe({})));

    if (proxy.hasTimeouts) {
      await Promise.all(silent);
    } else {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
    }
    await clientOf(server).listener(
      (async function* () {
        yield { message: "after the silence" };
      })(),
    );
    for (const seen of await Promise.all(bookmarked)) {
      expect(seen.pop()).toBe("after the silence");
    }
    await goa.received(1);
    expect(goa.messages).toMatchObject([{ message: "after the silence" }]);
  });

  test("a stream whose client leaves ends at the server too", async () => {
    const server = await start(proxy);
    for (const [name, client] of clientsOf(server)) {
      const controller = new AbortController();
      const { signal } = controller;
      const events = client.subscribe({}, { signal })[Symbol.asyncIterator]();
      const event = events.next();
      await until(() => server.chatter.openCalls === 1, `${name}: it is open`);
      controller.abort();
      await event.catch(() => {});
      await until(() => server.chatter.openCalls === 0, `${name}: it has ended`);
    }
  });

  test("the server gets where a call comes from, and not what the client says", async () => {
    const seen: string[] = [];
    const note: Interceptor = (next) => (call) => {
      seen.push(call.contextValues.get(peerAddressKey));
      return next(call);
    };
    const server = await start(proxy, { interceptors: [note] });
    const from = { localAddress: "127.0.0.2", ca };
    const lie = { "x-forwarded-for": "198.51.100.9" };
    const asked = request(`${server.url}/grpc.health.v1.Health/Check`, {
      ...from,
      method: "POST",
      headers: { ...lie, "content-type": "application/json" },
    });
    asked.end("{}");
    const [response] = await once(asked, "response");
    expect(response.resume().statusCode).toBe(200);

    const socket = await openGoa(server, "/history", {
      headers: lie,
      localAddress: "127.0.0.2",
    });
    await socket.closed();
    expect(seen).toEqual(["127.0.0.2", "127.0.0.2"]);
  });
});

test.runIf(startableProxies().includes(nginx))(
  "nginx may come by a Unix socket: its clients are distinguished, and no host is to be named",
  async () => {
    const dir = tempDir();
    chmodSync(dir, 0o755); // nginx is nobody.
    const peers = new Set<string>();
    const note: Interceptor = (next) => (call) => {
      peers.add(call.contextValues.get(peerAddressKey));
      return next(call);
    };
    const chatter = { trustedProxies: ["unix"], interceptors: [note] };
    const socket = { path: join(dir, "chatter.sock"), mode: 0o666 };
    const behind = await startChatter(chatter, socket);
    const { url } = await nginx.start({ url: behind.url, certificate });
    const server = { ...behind, url, ca };
    for (const [name, client] of clientsOf(server)) {
      expect(await collect(client.history({})), name).toEqual([]);
    }
    expect((await (await openGoa(server, "/history")).closed()).code).toBe(1000);
    expect([...peers]).toEqual(["127.0.0.1"]);
  },
);
