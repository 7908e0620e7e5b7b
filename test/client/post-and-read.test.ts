import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test, vi } from "vitest";
import { WebSocket } from "ws";
import { createChatterClient as createBrowserClient } from "../../src/client/index.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import type { MessageLog, NewMessage } from "../../src/server/log/message-log.js";
import { startChatter } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { collect, errorOf } from "../support/streams.js";
import { clientFor, connected } from "./support/connected.js";
import { startProxy } from "./support/proxy.js";
import { shortenPauses } from "./support/short-pauses.js";
import { when } from "./support/when.js";
import { demo } from "./support/wires.js";

shortenPauses();

const wires = ["connect", "grpc", "grpc-web", "ws"] as const;

const textsOf = (messages: readonly { message: string }[]) =>
  messages.map(({ message }) => message);

test.each(wires)("over %s post answers when it is durable, with where and when", async (wire) => {
  const { client, server } = await connected(wire);
  const posted = await client.post("hello", { room: "team/alpha" });
  expect(posted).toMatchObject({ sequence: 1n, room: "team/alpha" });
  expect(JSON.parse(JSON.stringify(posted))).toEqual({
    sequence: "1",
    cursor: posted.cursor,
    room: "team/alpha",
    sentAt: expect.stringMatching(/^\d{4}-.*Z$/),
  });
  expect(await client.post("again")).toMatchObject({ sequence: 2n, room: "" });
  expect(server.log.head).toBe(2);
});

test.each(wires)("over %s a loop of reads has everything once, and waits", async (wire) => {
  const { client, server } = await connected(wire);
  await fill(server.log, numbered(250));
  await fill(server.log, ["elsewhere"], { room: "ops" });
  const texts: string[] = [];
  let cursor: string | undefined;
  for (;;) {
    const page = await client.read({ after: cursor });
    ({ cursor } = page);
    texts.push(...textsOf(page.messages));
    if (page.messages.length === 0) {
      break;
    }
    expect(page.messages.length).toBeLessThanOrEqual(100);
  }
  expect(texts).toEqual(numbered(250));

  const waiting = client.read({ after: cursor, waitSeconds: 60 });
  await when(() => server.chatter.openCalls === 1);
  await fill(server.log, ["no"], { room: "ops" });
  await fill(server.log, ["next"]);
  const page = await waiting;
  expect(textsOf(page.messages)).toEqual(["next"]);
  expect(JSON.parse(JSON.stringify(page))).toMatchObject({
    messages: [{ message: "next", sequence: "253" }],
    cursor: page.messages[0]!.cursor,
  });
  const last = await client.read({ rooms: ["*"], last: 2, limit: 1 });
  expect(textsOf(last.messages)).toEqual(["no"]);
  expect((await client.read({ after: page.cursor })).cursor).toBe(page.cursor);
});

test("over connect reads are GET requests, unless the URL would be too long", async () => {
  const methods: string[] = [];
  const server = await startChatter({
    interceptors: [
      (next) => (request) => {
        methods.push(`${request.method.name} ${request.requestMethod}`);
        return next(request);
      },
    ],
  });
  const client = clientFor({ url: server.url, auth: { token: server.token } });
  await client.post("1");
  await client.read();
  const rooms = Array.from({ length: 1_000 }, (_, i) => `room-${i}`);
  await client.read({ rooms });
  await client.client.read({});
  expect(methods).toEqual(["Post POST", "Read GET", "Read POST", "Read GET"]);
});

/** A log in memory that calls something after each commit, before it is answered. */
function logThatTells(onCommit: (messages: readonly NewMessage[]) => void): MessageLog {
  const inner = createMemoryLog();
  const append: MessageLog["append"] = async (messages, onStored) => {
    const result = await inner.append(messages, onStored);
    onCommit(messages);
    return result;
  };
  return new Proxy(inner, {
    get(target, name) {
      const value = name === "append" ? append : Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test.each(wires)("over %s a post is stored once, however often it breaks", async (wire) => {
  const ids: string[] = [];
  const log = logThatTells(([message]) => {
    if (ids.push(message!.messageId) <= 3) {
      proxy.cut();
    }
  });
  const server = await startChatter({ log });
  const proxy = await startProxy(server.url);
  const client = clientFor({ url: proxy.url, auth: { token: server.token }, transport: wire });
  expect(await client.post("once")).toMatchObject({ sequence: 1n });
  expect(ids.length).toBeGreaterThan(3);
  expect(new Set(ids).size).toBe(1);
  expect(textsOf(await collect(client.history()))).toEqual(["once"]);
});

test("a post that has had no answer for resendMs is not sent again", async () => {
  let commits = 0;
  const log = logThatTells(() => {
    commits++;
    proxy.cut();
  });
  const server = await startChatter({ log });
  const proxy = await startProxy(server.url);
  const client = clientFor({ url: proxy.url, auth: { token: server.token } });
  const error = await errorOf(client.post("1", { resendMs: 0 }));
  expect(error.code).toBe(Code.DeadlineExceeded);
  expect(error.rawMessage).toContain("may be stored or not");
  expect(commits).toBe(1);
});

test("a read that waits continues when it is cut", async () => {
  const { client, server, proxy } = await connected();
  const { cursor } = await client.post("1");
  const waiting = client.read({ after: cursor, waitSeconds: 60 });
  await when(() => server.chatter.openCalls === 1);
  proxy.cut();
  await fill(server.log, ["2"]);
  expect(textsOf((await waiting).messages)).toEqual(["2"]);
  expect(proxy.connections).toBe(2);
});

test("the signal and close end them, with their reason", async () => {
  const { client, server } = await connected();
  const { cursor } = await client.post("1");
  const abort = new AbortController();
  const read = client.read({ after: cursor, waitSeconds: 60, signal: abort.signal });
  await when(() => server.chatter.openCalls === 1);
  abort.abort(new Error("enough"));
  await expect(read).rejects.toThrow("enough");
  await expect(client.post("2", { signal: abort.signal })).rejects.toThrow("enough");
  const other = client.read({ after: cursor, waitSeconds: 60 });
  client.close();
  expect((await errorOf(other)).code).toBe(Code.Canceled);
  await when(() => server.chatter.openCalls === 0);
});

test("options and texts that are not valid are refused before anything is sent", async () => {
  const { client, server } = await connected();
  for (const options of [{ limit: 0 }, { limit: 1_001 }, { last: 0 }, { waitSeconds: 61 }]) {
    await expect(client.read(options)).rejects.toThrow(RangeError);
  }
  await expect(client.read({ after: "c", last: 1 })).rejects.toThrow(TypeError);
  await expect(client.post("1", { resendMs: -1 })).rejects.toThrow(RangeError);
  expect((await errorOf(client.post(""))).rawMessage).toContain("is empty");
  expect(server.log.head).toBe(0);
});

test("a foreign cursor is final", async () => {
  const { client } = await connected();
  const other = await startChatter();
  const { cursor } = await clientFor({ url: other.url, auth: demo }).post("1");
  expect((await errorOf(client.read({ after: cursor }))).code).toBe(Code.OutOfRange);
  expect((await errorOf(client.read({ after: "cursor" }))).code).toBe(Code.InvalidArgument);
});

test.each(["ws", "connect", "grpc-web"] as const)(
  "in browsers %s posts and reads too",
  async (transport) => {
    vi.stubGlobal("WebSocket", WebSocket);
    onTestFinished(() => {
      vi.unstubAllGlobals();
    });
    const server = await startChatter();
    const client = createBrowserClient({ url: server.url, auth: demo, transport });
    onTestFinished(() => client.close());
    const { cursor } = await client.post("1", { room: "ops" });
    const waiting = client.read({ rooms: ["ops"], after: cursor, waitSeconds: 60 });
    await client.post("2", { room: "ops" });
    expect(textsOf((await waiting).messages)).toEqual(["2"]);
    expect((await collect(client.rooms())).map(({ room }) => room)).toEqual(["ops"]);
  },
);
