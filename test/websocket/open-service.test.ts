import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type StringValue, StringValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient, type ServiceImpl } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import type { ChatterOptions } from "../../src/server/chatter-options.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { OtherService } from "../support/ignoring-service.js";
import { collect, errorOf, until } from "../support/streams.js";
import { openSession, webSocketOver } from "../support/websocket-over-http2.js";
import { Feed } from "../support/websocket-service.js";

/*
 * A service of somebody else that anyone may call, without a token, through the tunnel.
 */

type Value = MessageInitShape<typeof StringValueSchema>;
type Values = AsyncIterable<StringValue>;

interface Other {
  unary(value: Value): Promise<StringValue>;
  serverStream(value: Value): Values;
  clientStream(values: AsyncIterable<Value>): Promise<StringValue>;
  bidi(values: AsyncIterable<Value>): Values;
}

async function* each(...texts: string[]): AsyncGenerator<Value> {
  for (const value of texts) {
    yield { value };
  }
}

const messageOf = (value: string) => create(StringValueSchema, { value });

const methods = {
  unary: ({ value }: StringValue) => messageOf(`${value.length} ${value.at(-1)}`),
  async *serverStream({ value }: StringValue) {
    yield messageOf(value);
    yield messageOf(value);
  },
  async clientStream(values: Values) {
    const all = await collect(values);
    return messageOf(all.map(({ value }) => `${value.length} ${value.at(-1)}`).join(", "));
  },
  async *bidi(values: Values) {
    for await (const { value } of values) {
      yield messageOf(value);
    }
  },
};

function start(own: Partial<typeof methods> = {}, options: Partial<ChatterOptions> = {}) {
  return startChatter({
    ...options,
    routes(router, access) {
      router.service(OtherService, { ...methods, ...own } as unknown as ServiceImpl<
        typeof OtherService
      >);
      access.open(OtherService);
    },
  });
}

const clients: Record<string, (server: TestServer) => Promise<Other>> = {
  "HTTP/1.1": async (server) => clientWith(server, WebSocket as never),
  "HTTP/2": async (server) => clientWith(server, webSocketOver(await openSession(server))),
};

function clientWith({ url }: TestServer, webSocket: typeof globalThis.WebSocket): Other {
  const transport = createWebSocketTransport({ baseUrl: url, webSocket });
  return createClient(OtherService, transport) as unknown as Other;
}

describe.each(Object.entries(clients))("over %s, without a token", (_, clientOf) => {
  test("all four kinds of call work", async () => {
    const client = await clientOf(await start());
    expect(await client.unary({ value: "abc" })).toMatchObject({ value: "3 c" });
    expect(await collect(client.serverStream({ value: "é" }))).toHaveLength(2);
    expect(await client.clientStream(each("a", "bc"))).toMatchObject({ value: "1 a, 2 c" });
    const feed = new Feed<Value>();
    const echoes = client.bidi(feed)[Symbol.asyncIterator]();
    for (const value of ["one", "two"]) {
      feed.push({ value });
      expect((await echoes.next()).value).toMatchObject({ value });
    }
    feed.end();
    expect((await echoes.next()).done).toBe(true);
  });

  test("messages may be as long as with one, and any number of them", async () => {
    const client = await clientOf(await start());
    const long = `${"x".repeat(500_000)}y`;
    expect(await client.unary({ value: long })).toMatchObject({ value: "500001 y" });
    expect(await client.clientStream(each(long, long, long))).toMatchObject({
      value: "500001 y, 500001 y, 500001 y",
    });
    const echoes = await collect(client.bidi(each(long, "short", long)));
    expect(echoes.map(({ value }) => value.length)).toEqual([500_001, 5, 500_001]);
  });

  test("what waits for the method counts towards the share of one address", async () => {
    const refused: string[] = [];
    const never = async () => new Promise<never>(() => {});
    const limits = { maxUnreadBytes: 512 * 1024, onRefused: (name: string) => refused.push(name) };
    const server = await start({ clientStream: never }, { limits });
    const client = await clientOf(server);
    const feed = new Feed<Value>();
    onTestFinished(() => feed.end());
    for (let i = 0; i < 20; i++) {
      feed.push({ value: "x".repeat(8_000) });
    }
    const { code } = await errorOf(client.clientStream(feed));
    expect(Code[code]).toBe("ResourceExhausted");
    expect(refused).toContain("unread_bytes");
    await until(() => server.chatter.openWebSockets === 0, "its socket is closed");
  });
});
