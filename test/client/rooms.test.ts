import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import type { Scope } from "../../src/server/auth/scopes.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { collect, errorOf } from "../support/streams.js";
import { clientFor, connected } from "./support/connected.js";
import { shortenPauses } from "./support/short-pauses.js";
import { when } from "./support/when.js";
import { wireNames } from "./support/wires.js";

shortenPauses();

const texts = (messages: readonly { room: string; message: string }[]) =>
  messages.map(({ room, message }) => `${room}:${message}`);

async function take<T>(items: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const item of items) {
    if (taken.push(item) === count) {
      break;
    }
  }
  return taken;
}

async function clientOf(server: TestServer, ...scopes: Scope[]) {
  const { token } = await server.tokens.issue({ subject: "bob", scopes });
  return clientFor({ url: server.url, auth: { token } });
}

test.each(wireNames)(
  "over %s a publisher posts to its room, or to that of a post",
  async (wire) => {
    const { client } = await connected(wire);
    const publisher = client.publisher({ room: "team/alpha" });
    const posted = await Promise.all([
      publisher.post("1"),
      publisher.post("2", { room: "ops" }),
      publisher.post("3", { room: "main" }),
      publisher.post("4"),
    ]);
    expect(posted.map(({ room, sequence }) => `${room}:${sequence}`)).toEqual([
      "team/alpha:1",
      "ops:2",
      ":3",
      "team/alpha:4",
    ]);
    expect(JSON.parse(JSON.stringify(posted[0]))).toEqual({
      sequence: "1",
      cursor: posted[0]!.cursor,
      room: "team/alpha",
    });
    expect(texts(await collect(client.history({ rooms: ["*"] })))).toEqual([
      "team/alpha:1",
      "ops:2",
      ":3",
      "team/alpha:4",
    ]);
    expect(texts(await collect(client.history()))).toEqual([":3"]);
  },
);

test.each(wireNames)(
  "over %s a subscription to rooms resumes in them when it is cut",
  async (wire) => {
    const { client, server, proxy } = await connected(wire);
    const subscription = client.subscribe({ rooms: ["team/*", "ops"] });
    await when(() => subscription.state.status === "live");
    await fill(server.log, ["1"], { room: "team/alpha" });
    await fill(server.log, ["no"]);
    const first = (await subscription.next()).value!;
    proxy.cut();
    await fill(server.log, ["no"], { room: "team" });
    await fill(server.log, ["2"], { room: "ops" });
    await fill(server.log, ["3"], { room: "team/beta/x" });
    expect(texts([first, ...(await take(subscription, 2))])).toEqual([
      "team/alpha:1",
      "ops:2",
      "team/beta/x:3",
    ]);
    // One cursor continues in any rooms.
    const all = client.subscribe({ rooms: ["*"], after: first.cursor });
    expect(texts(await take(all, 4))).toEqual([":no", "team:no", "ops:2", "team/beta/x:3"]);
  },
);

test("history counts and pages in its rooms, forward and backward", async () => {
  const { client, server } = await connected();
  for (const text of numbered(60)) {
    await fill(server.log, [text], { room: Number(text.slice(1)) % 20 === 0 ? "rare" : "" });
  }
  const rooms = ["rare"];
  const messagesOf = async (options: object) =>
    (await collect(client.history({ rooms, ...options }))).map(({ message }) => message);
  expect(await messagesOf({})).toEqual(["m20", "m40", "m60"]);
  expect(await messagesOf({ last: 2 })).toEqual(["m40", "m60"]);
  expect(await messagesOf({ limit: 1 })).toEqual(["m20"]);
  expect(await messagesOf({ before: 60n, last: 1 })).toEqual(["m40"]);
  expect(await messagesOf({ before: 40n, last: 5 })).toEqual(["m20"]);
  expect(await messagesOf({ before: 20n, last: 5 })).toEqual([]);
  expect(await messagesOf({ rooms: ["main"], before: 3n, last: 1 })).toEqual(["m2"]);
});

test("backward, a few calls find a page far behind the head", async () => {
  const { client, server } = await connected();
  await fill(server.log, numbered(2_000));
  await fill(server.log, numbered(3_000, "later"), { room: "busy" });
  await fill(server.log, numbered(2_000, "last"));
  let calls = 0;
  const { beforeLast } = server.log;
  server.log.beforeLast = (...args) => {
    calls++;
    return beforeLast.apply(server.log, args);
  };
  const page = await collect(client.history({ before: 1_001n, last: 10 }));
  expect(page.map(({ message }) => message)).toEqual(numbered(1_000).slice(990));
  expect(calls).toBeLessThan(12);
});

test.each(wireNames)("over %s rooms lists them by name, with what came since", async (wire) => {
  const { client, server } = await connected(wire);
  await fill(server.log, ["1", "2"], { room: "team/alpha" });
  await fill(server.log, ["3"]);
  const [last] = await collect(client.history());
  await fill(server.log, ["4"], { room: "team/beta" });
  await fill(server.log, ["5"], { room: "team/alpha" });
  const listed = await collect(client.rooms({ since: last!.cursor }));
  expect(listed.map((room) => JSON.parse(JSON.stringify(room)))).toMatchObject([
    { room: "main", messages: "1", lastSequence: "3" },
    { room: "team/alpha", messages: "3", lastSequence: "5", messagesSince: "1" },
    { room: "team/beta", messages: "1", lastSequence: "4", messagesSince: "1" },
  ]);
  const names = async (options: object) =>
    (await collect(client.rooms(options))).map(({ room }) => room);
  expect(await names({ prefix: "team/" })).toEqual(["team/alpha", "team/beta"]);
  expect(await names({ after: "main", limit: 1 })).toEqual(["team/alpha"]);
});

test("a list of rooms that is cut continues after the last one", async () => {
  const { client, server, proxy } = await connected();
  const names = Array.from({ length: 3_000 }, (_, i) => `room-${String(i).padStart(100, "0")}`);
  await server.log.append(names.map((room) => ({ text: "x", sender: "goa", messageId: "", room })));
  const received: string[] = [];
  for await (const { room } of client.rooms({ limit: 2_500 })) {
    if (received.push(room) === 10) {
      proxy.cut();
    }
  }
  expect(received).toEqual(names.slice(0, 2_500));
  expect(proxy.connections).toBe(2);
});

test("what the token does not cover is final, and names the room", async () => {
  const server = await startChatter();
  const client = await clientOf(server, "stream:write:team/*");
  const refused = { code: Code.PermissionDenied, rawMessage: "invalid scopes in token for ops" };
  expect(await errorOf(client.subscribe({ rooms: ["team/a", "ops"] }))).toMatchObject(refused);
  expect(await errorOf(client.history({ rooms: ["ops"] }))).toMatchObject(refused);
  expect(await errorOf(client.read({ rooms: ["ops"] }))).toMatchObject(refused);
  expect(await errorOf(client.post("1", { room: "ops" }))).toMatchObject(refused);
  expect(await errorOf(client.history())).toMatchObject({
    ...refused,
    rawMessage: "invalid scopes in token",
  });
  await fill(server.log, ["hidden"], { room: "ops" });
  await client.post("seen", { room: "team/a" });
  expect(texts(await collect(client.history({ rooms: ["*"] })))).toEqual(["team/a:seen"]);
});

test.each(wireNames)(
  "over %s a post to a room that the token may not write fails alone",
  async (wire) => {
    const server = await startChatter();
    const { token } = await server.tokens.issue({
      subject: "bob",
      scopes: ["stream:write:team/*"],
    });
    const client = clientFor({ url: server.url, auth: { token }, transport: wire });
    const publisher = client.publisher({ room: "team/a" });
    const outcomes = await Promise.allSettled([
      publisher.post("1"),
      publisher.post("2", { room: "ops" }),
      publisher.post("3"),
      publisher.post("4", { room: "main" }),
      publisher.post("5", { room: "team/b" }),
    ]);
    expect(outcomes.map(({ status }) => status === "fulfilled")).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
    const { reason } = outcomes[1] as PromiseRejectedResult;
    expect(reason).toMatchObject({
      code: Code.PermissionDenied,
      rawMessage: "invalid scopes in token for ops",
    });
    const stored = await collect(client.history({ rooms: ["*"] }));
    expect(texts(stored)).toEqual(["team/a:1", "team/a:3", "team/b:5"]);

    // If it is about its own room, it applies to all posts.
    const doomed = client.publisher({ room: "ops" });
    expect((await errorOf(doomed.post("1"))).code).toBe(Code.PermissionDenied);
    expect((await errorOf(doomed.post("2"))).code).toBe(Code.PermissionDenied);
    expect(doomed.state.status).toBe("closed");
  },
);

test("names and patterns that are not valid are refused at once, with the rule", async () => {
  const { client } = await connected();
  const bad = ["a b", "/a", "a/", "a//b", "é", "x".repeat(129), 7 as unknown as string];
  for (const room of bad) {
    expect(() => client.subscribe({ rooms: [room] })).toThrow(/a room has 1 to 128 characters/);
    expect(() => client.history({ rooms: ["ok", room] })).toThrow(RangeError);
    expect(() => client.publisher({ room })).toThrow(RangeError);
    await expect(client.read({ rooms: [room] })).rejects.toThrow(RangeError);
    const error = await errorOf(client.publisher().post("1", { room }));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.rawMessage).toContain("a room has 1 to 128 characters");
    expect((await errorOf(client.post("1", { room }))).code).toBe(Code.InvalidArgument);
  }
  for (const pattern of ["team*", "*/a", "**", "team/**"]) {
    expect(() => client.history({ rooms: [pattern] })).toThrow(/a pattern is "\*"/);
    expect(() => client.publisher({ room: pattern })).toThrow(RangeError);
  }
  const many = Array.from({ length: 1_001 }, (_, i) => `r${i}`);
  expect(() => client.subscribe({ rooms: many })).toThrow(/at most 1000/);
  expect(() => client.subscribe({ rooms: "team" as unknown as string[] })).toThrow(TypeError);
  expect(() => client.rooms({ limit: 0 })).toThrow(RangeError);
});
