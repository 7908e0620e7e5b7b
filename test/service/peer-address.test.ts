import { type CallOptions, createClient, type Interceptor } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import type { ChatterOptions } from "../../src/server/chatter-options.js";
import { peerAddressKey } from "../../src/server/net/peer-address.js";
import { checkSettings } from "../../src/server/settings/settings.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { clientOf, mainWires } from "../support/wires.js";
import { openGoa } from "../websocket/goa/client.js";

/** The address that a server saw of the last call. */
interface Seen {
  address: string | undefined;
}

async function start(options: Partial<ChatterOptions> = {}, host = "127.0.0.1") {
  const seen: Seen = { address: undefined };
  const note: Interceptor = (next) => (request) => {
    seen.address = request.contextValues.get(peerAddressKey);
    return next(request);
  };
  const server = await startChatter({ ...options, interceptors: [note] }, { host });
  return { server, seen };
}

type Call = (server: TestServer, headers?: Record<string, string>) => Promise<unknown>;

async function readAll(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream) {
    // Nothing is stored.
  }
}

const calls: [string, Call][] = [
  ...mainWires.map((wire): [string, Call] => [
    wire.name,
    (server, headers) => readAll(clientOf(server, wire).history({}, { headers })),
  ]),
  [
    "WebSocket, tunnel",
    (server, headers = {}) => {
      class Dialled extends WebSocket {
        constructor(url: string | URL, protocols?: string | string[]) {
          super(url, protocols, { headers });
        }
      }
      const options: CallOptions = { headers: server.headers };
      const webSocket = Dialled as unknown as typeof globalThis.WebSocket;
      const transport = createWebSocketTransport({ baseUrl: server.url, webSocket });
      return readAll(createClient(ChatterService, transport).history({}, options));
    },
  ],
  [
    "WebSocket, goa's dialect",
    async (server, headers) => {
      const socket = await openGoa(server, "/history", { headers });
      await socket.closed();
    },
  ],
  [
    "POST /login",
    (server, headers) =>
      fetch(`${server.url}/login`, {
        method: "POST",
        headers: { ...headers, authorization: `Basic ${btoa("goa:rocks")}` },
      }),
  ],
];

describe("every wire tells where a call comes from", () => {
  test.each(calls)("%s", async (_, call) => {
    const { server, seen } = await start({ trustedProxies: ["127.0.0.0/8"] });
    await call(server);
    expect(seen.address).toBe("127.0.0.1");
    await call(server, { "x-forwarded-for": "192.0.2.7" });
    expect(seen.address).toBe("192.0.2.7");
  });

  test("IPv4 on a socket of IPv6 is written as IPv4", async (context) => {
    const started = await start({}, "::ffff:127.0.0.1").catch(() => context.skip("no IPv6 here"));
    const { port } = new URL(started.server.url);
    for (const [, call] of calls) {
      started.seen.address = undefined;
      await call({ ...started.server, url: `http://127.0.0.1:${port}` });
      expect(started.seen.address).toBe("127.0.0.1");
    }
  });
});

describe("X-Forwarded-For", () => {
  const fromHere = "127.0.0.1";

  async function addressFor(trustedProxies: string[] | undefined, forwardedFor: string) {
    const { server, seen } = await start(trustedProxies && { trustedProxies });
    await fetch(`${server.url}/grpc.health.v1.Health/Check`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-forwarded-for": forwardedFor },
      body: "{}",
    });
    return seen.address;
  }

  test.each<[string, string[] | undefined]>([
    ["by default", undefined],
    ["from a connection of another address", ["192.0.2.1", "10.0.0.0/8", "::1"]],
  ])("does not count %s", async (_, trusted) => {
    expect(await addressFor(trusted, "192.0.2.7")).toBe(fromHere);
  });

  test.each([
    ["one address", "192.0.2.7", "192.0.2.7"],
    ["an address of IPv6", "2001:DB8:0:0::7", "2001:db8::7"],
    ["IPv4 as IPv6", "::ffff:192.0.2.7", "192.0.2.7"],
    ["with a port", "192.0.2.7:4711", "192.0.2.7"],
    ["IPv6 with a port", "[2001:db8::7]:4711", "2001:db8::7"],
    ["what the client says itself is before it", "198.51.100.9, 192.0.2.7", "192.0.2.7"],
    ["other trusted proxies are behind it", "192.0.2.7, 10.1.2.3,10.4.5.6", "192.0.2.7"],
    ["nothing but trusted proxies: the first", "10.1.2.3, 10.4.5.6", "10.1.2.3"],
  ])("%s", async (_, forwardedFor, address) => {
    expect(await addressFor(["127.0.0.1", "10.0.0.0/8"], forwardedFor)).toBe(address);
  });

  test.each([
    ["no address", "unknown"],
    ["a name", "client.example"],
    ["an invalid address", "192.0.2.700"],
    ["nothing between commas", "192.0.2.7,,10.1.2.3"],
    ["a zone", "fe80::1%eth0"],
    ["text for a log", 'x" level="error'],
  ])("%s says nothing", async (_, forwardedFor) => {
    expect(await addressFor(["127.0.0.1", "10.0.0.0/8"], forwardedFor)).toBe(fromHere);
  });

  test("what cannot be read before the client's address does not matter", async () => {
    expect(await addressFor(["127.0.0.1"], "nonsense, 192.0.2.7")).toBe("192.0.2.7");
  });

  test("--trusted-proxies is a list with commas, empty unless given", () => {
    const trustedProxies = "192.0.2.1, 10.0.0.0/8,2001:db8::/32";
    expect(checkSettings({ demo: true }).listen.trustedProxies).toEqual([]);
    expect(checkSettings({ demo: true, trustedProxies }).listen.trustedProxies).toEqual([
      "192.0.2.1",
      "10.0.0.0/8",
      "2001:db8::/32",
    ]);
    for (const wrong of ["proxy.example", "10.0.0.0/33", "192.0.2.1,"]) {
      expect(() => checkSettings({ demo: true, trustedProxies: wrong })).toThrow(
        /^--trusted-proxies \(CHATTER_TRUSTED_PROXIES\) is .*: it must be addresses and networks/,
      );
    }
  });

  test.each(["proxy.example", "10.0.0.0/33", "10.0.0.0/", "::/129", "10.0.0.0/8/8", ""])(
    "%s is no proxy",
    async (proxy) => {
      await expect(start({ trustedProxies: [proxy] })).rejects.toThrow(
        "is not a valid address or network: write 192.0.2.1 or 10.0.0.0/8",
      );
    },
  );
});
