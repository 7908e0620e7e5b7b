import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, test } from "vitest";
import { RoomSelection } from "../../src/server/rooms/room-selection.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { collect, errorOf, rounds, until } from "../support/streams.js";
import { clientOf, tunnelClientOf, wires } from "../support/wires.js";

async function* each<T>(...items: T[]): AsyncGenerator<T> {
  yield* items;
}

/** The same server, for somebody with these scopes. */
async function withScopes(server: TestServer, ...scopes: string[]): Promise<TestServer> {
  const { token } = await server.tokens.issue({ subject: "reader", scopes });
  return { ...server, token };
}

const clients = [
  ...wires.map((wire) => ({
    name: wire.name,
    clientFor: (server: TestServer) => clientOf(server, wire),
    isFullDuplex: wire.http === "2",
  })),
  { name: "tunnel", clientFor: tunnelClientOf, isFullDuplex: true },
];

test.each(clients)("$name: messages are posted to rooms and read from them", async (wire) => {
  const server = await startChatter();
  const chatter = wire.clientFor(server);
  const live = chatter.subscribe({ rooms: ["team/*", "a"] })[Symbol.asyncIterator]();
  const first = live.next();
  await until(() => server.chatter.openCalls === 1, "it is subscribed");

  const posted = await chatter.post({ message: "one", room: "team/alpha" });
  expect(posted).toMatchObject({ sequence: 1n, room: "team/alpha" });
  if (wire.isFullDuplex) {
    const echoes = await collect(
      chatter.echoer(
        each({ message: "two", room: "main" }, { message: "three", room: "team/beta" }),
      ),
    );
    expect(echoes).toMatchObject([
      { room: "", sequence: 2n },
      { room: "team/beta", sequence: 3n },
    ]);
  } else {
    await chatter.listener(each({ message: "two" }, { message: "three", room: "team/beta" }));
  }
  const { summaries } = await chatter.summary(each({ message: "four", room: "a" }));
  expect(summaries).toMatchObject([{ room: "a", sequence: 4n }]);

  const events = [await first, await live.next(), await live.next()].map(({ value }) => value!);
  await live.return?.();
  expect(events.map(({ message, room, sequence }) => [message, room, sequence])).toEqual([
    ["one", "team/alpha", 1n],
    ["three", "team/beta", 3n],
    ["four", "a", 4n],
  ]);
  const { messages, cursor } = await chatter.read({ rooms: ["*"] });
  expect(messages.map(({ message, room }) => [message, room])).toEqual([
    ["one", "team/alpha"],
    ["two", ""],
    ["three", "team/beta"],
    ["four", "a"],
  ]);
  expect(cursor).toBe(messages.at(-1)!.cursor);
  const history = await collect(chatter.history({ rooms: ["team/beta", "a"] }));
  expect(history.map(({ message }) => message)).toEqual(["three", "four"]);
  expect((await collect(chatter.history({}))).map(({ message }) => message)).toEqual(["two"]);
  const listed = await collect(chatter.rooms({ since: posted.cursor }));
  expect(
    listed.map(({ room, messages, lastSequence, messagesSince }) => [
      ...[room, messages, lastSequence, messagesSince],
    ]),
  ).toEqual([
    ["a", 1n, 4n, 1n],
    ["main", 1n, 2n, 1n],
    ["team/alpha", 1n, 1n, 0n],
    ["team/beta", 1n, 3n, 1n],
  ]);
});

test("last and limit count the messages of the rooms", async () => {
  const server = await startChatter();
  const chatter = clientOf(server);
  const posts = Array.from({ length: 60 }, (_, i) => ({
    message: `${i}`,
    room: ["", "a", "b"][i % 3]!,
  }));
  await chatter.listener(each(...posts));
  const texts = async (request: Parameters<typeof chatter.history>[0]) =>
    (await collect(chatter.history(request))).map(({ message }) => message);
  expect(await texts({ rooms: ["a"], last: 2n })).toEqual(["55", "58"]);
  expect(await texts({ rooms: ["a", "b"], last: 3n })).toEqual(["56", "58", "59"]);
  expect(await texts({ rooms: ["b"], limit: 2n })).toEqual(["2", "5"]);
  expect(await texts({ last: 1n })).toEqual(["57"]);
  const { messages } = await chatter.read({ rooms: ["b"], last: 4n, limit: 2 });
  expect(messages.map(({ message }) => message)).toEqual(["50", "53"]);
});

test("an id belongs to its sender over all rooms", async () => {
  const server = await startChatter();
  const chatter = clientOf(server);
  const post = { message: "hi", messageId: "1", room: "a" };
  expect(await chatter.post(post)).toEqual(await chatter.post(post));
  for (const other of [{ room: "b" }, { room: "" }, { message: "ho" }]) {
    const error = await errorOf(chatter.post({ ...post, ...other }));
    expect(error.code).toBe(Code.AlreadyExists);
  }
  const { stored } = await chatter.listener(each(post, { ...post, messageId: "2", room: "b" }));
  expect(stored).toBe(2n);
});

test("a stream's messages have rising sequences whatever their rooms", async () => {
  const server = await startChatter();
  await Promise.all(
    Array.from({ length: 20 }, async (_, stream) => {
      const posts = Array.from({ length: 50 }, (_, i) => ({
        message: `${stream} ${i}`,
        room: `r${(i * (stream + 1)) % 7}`,
      }));
      const { summaries } = await clientOf(server).summary(each(...posts));
      const sequences = summaries.map(({ sequence }) => Number(sequence));
      expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
      expect(summaries.map(({ room }) => room)).toEqual(posts.map(({ room }) => room));
    }),
  );
  const all = await collect(clientOf(server).history({ rooms: ["*"] }));
  expect(all.map(({ sequence }) => Number(sequence))).toEqual(
    Array.from({ length: 1000 }, (_, i) => i + 1),
  );
});

test("Read waits for the first message of its rooms, and continues where nothing was", async () => {
  const server = await startChatter();
  const chatter = clientOf(server);
  const waiting = chatter.read({ rooms: ["b"], waitSeconds: 60 });
  await until(() => server.chatter.openCalls === 1, "it waits");
  await chatter.post({ message: "elsewhere", room: "a" });
  await chatter.post({ message: "here", room: "b" });
  const { messages, cursor } = await waiting;
  expect(messages).toMatchObject([{ message: "here", room: "b", sequence: 2n }]);
  await chatter.post({ message: "elsewhere again", room: "a" });
  const later = await chatter.read({ rooms: ["b"], after: cursor, waitSeconds: 1 });
  expect(later.messages).toEqual([]);
  const { messages: next } = await chatter.read({ rooms: ["a", "b"], after: later.cursor });
  expect(next).toEqual([]);
  expect((await chatter.read({ rooms: ["a"], after: cursor })).messages).toHaveLength(1);
});

test("Read has at most 1 MiB, and the next one continues", async () => {
  const server = await startChatter();
  const chatter = clientOf(server);
  const text = "x".repeat(60_000);
  await chatter.listener(each(...Array.from({ length: 40 }, () => ({ message: text }))));
  let count = 0;
  for (let after = ""; count < 40; ) {
    const { messages, cursor } = await chatter.read({ after, limit: 1000 });
    expect(messages.length).toBeGreaterThan(0);
    expect(messages.length).toBeLessThan(18);
    count += messages.length;
    after = cursor;
  }
  expect(count).toBe(40);
});

test("one line of curl posts, and one reads by GET, which no cache keeps", async () => {
  const server = await startChatter();
  const url = (method: string) => `${server.url}/chatter.v1.ChatterService/${method}`;
  const posted = await fetch(url("Post"), {
    method: "POST",
    headers: { ...server.headers, "content-type": "application/json" },
    body: `{"message": "hi", "room": "team/alpha"}`,
  });
  expect(await posted.json()).toMatchObject({ sequence: "1", room: "team/alpha" });
  const query = new URLSearchParams({
    connect: "v1",
    encoding: "json",
    message: `{"rooms": ["team/*"], "waitSeconds": 60}`,
  });
  const read = await fetch(`${url("Read")}?${query}`, { headers: server.headers });
  expect(read.headers.get("cache-control")).toBe("no-store");
  expect(await read.json()).toMatchObject({ messages: [{ message: "hi", room: "team/alpha" }] });
});

test("a bookmark moves on while other rooms have messages", async () => {
  const server = await startChatter();
  const chatter = clientOf(server);
  const live = chatter.subscribe({ rooms: ["quiet"], bookmarkSeconds: 1 })[Symbol.asyncIterator]();
  const first = live.next();
  await until(() => server.chatter.openCalls === 1, "it is subscribed");
  const { cursor } = await chatter.post({ message: "elsewhere", room: "a" });
  expect((await first).value).toMatchObject({ message: "", cursor });
  await live.return?.();
});

test("a token reads and writes the rooms of its scopes, and no others", async () => {
  const server = await startChatter();
  await clientOf(server).listener(
    each(
      { message: "m" },
      { message: "a", room: "team/alpha" },
      { message: "b", room: "team/beta" },
      { message: "s", room: "secret" },
    ),
  );
  const reader = clientOf(
    await withScopes(server, "stream:read:team/*", "stream:write:team/alpha", "stream:write:own"),
  );
  const texts = async (...rooms: string[]) =>
    (await collect(reader.history({ rooms }))).map(({ message }) => message);
  expect(await texts("team/alpha", "team/beta")).toEqual(["a", "b"]);
  expect(await texts("*")).toEqual(["a", "b"]);
  expect(await texts("team/*")).toEqual(["a", "b"]);
  expect(await texts("own")).toEqual([]);
  const listed = await collect(reader.rooms({}));
  expect(listed.map(({ room }) => room)).toEqual(["team/alpha", "team/beta"]);
  await reader.post({ message: "to alpha", room: "team/alpha" });

  const main = "invalid scopes in token";
  const refused: [Promise<unknown>, string][] = [
    [collect(reader.history({})), main],
    [collect(reader.history({ rooms: ["main"] })), main],
    [collect(reader.history({ rooms: ["team/alpha", "secret"] })), `${main} for secret`],
    [collect(reader.history({ rooms: ["not/there"] })), `${main} for not/there`],
    [collect(reader.subscribe({ rooms: ["other/*"] })), `${main} for other/*`],
    [reader.read({ rooms: ["secret"] }), `${main} for secret`],
    [reader.post({ message: "x" }), main],
    [reader.post({ message: "x", room: "team/beta" }), `${main} for team/beta`],
  ];
  for (const [call, text] of refused) {
    expect(await errorOf(call)).toMatchObject({ code: Code.PermissionDenied, rawMessage: text });
  }
  const nobody = clientOf(await withScopes(server, "stream:read:team/*"));
  expect(await errorOf(nobody.post({ message: "x", room: "team/alpha" }))).toMatchObject({
    code: Code.PermissionDenied,
    rawMessage: main,
  });
});

test("a message for a room that the token may not write ends the stream after those before it", async () => {
  const server = await startChatter();
  const writer = clientOf(await withScopes(server, "stream:write:own"));
  const error = await errorOf(
    writer.listener(each({ message: "1", room: "own" }, { message: "2", room: "a" })),
  );
  expect(error).toMatchObject({ code: Code.PermissionDenied });
  expect(error.rawMessage).toBe("invalid scopes in token for a");
  expect((await clientOf(server).read({ rooms: ["*"] })).messages).toMatchObject([
    { message: "1", room: "own" },
  ]);
});

test.each([
  ["post", { message: "x", room: "a//b" }, /^room "a\/\/b" is not valid: a room has 1 to 128/],
  ["post", { message: "x", room: "a b" }, /^room "a b" is not valid/],
  ["post", { message: "x", room: "team/*" }, /^room "team\/\*" is not valid/],
  ["post", { message: "x", room: "é" }, /^room "é" is not valid/],
  ["post", { message: "x", room: "x".repeat(129) }, /^room "x+" is not valid/],
  ["read", { rooms: ["a", "b/"] }, /^room "b\/" is not valid/],
  ["read", { rooms: ["a*"] }, /^"a\*" is not a valid pattern: a pattern is/],
  ["read", { rooms: ["*/a"] }, /^"\*\/a" is not a valid pattern/],
  ["read", { rooms: Array.from({ length: 1001 }, (_, i) => `r${i}`) }, /^rooms has 1001 names/],
  ["read", { waitSeconds: 61 }, /^wait_seconds is 61: it must be 0 to 60$/],
  ["read", { limit: 1001 }, /^limit is 1001: it must be 0 to 1000$/],
  ["read", { view: 9 }, /^view 9 does not exist/],
] as const)("%s %j is invalid_argument", async (method, request, text) => {
  const server = await startChatter();
  const chatter = clientOf(server) as unknown as Record<string, (r: unknown) => Promise<unknown>>;
  const error = await errorOf(chatter[method]!(request));
  expect(error).toMatchObject({ code: Code.InvalidArgument });
  expect(error.rawMessage).toMatch(text);
});

test("rooms are listed by name, after a name, below a prefix, so many", async () => {
  const server = await startChatter();
  const names = ["a", "a-b", "a/b", "a/c", "b", "main/x", "z"];
  await clientOf(server).listener(
    each({ message: "m", room: "" }, ...names.map((room) => ({ message: "m", room }))),
  );
  const list = async (request: Parameters<ReturnType<typeof clientOf>["rooms"]>[0]) =>
    (await collect(clientOf(server).rooms(request))).map(({ room }) => room);
  const all = ["a", "a-b", "a/b", "a/c", "b", "main", "main/x", "z"];
  expect(await list({})).toEqual(all);
  expect(await list({ prefix: "a/" })).toEqual(["a/b", "a/c"]);
  expect(await list({ after: "a/b", limit: 3 })).toEqual(["a/c", "b", "main"]);
  const error = await errorOf(list({ prefix: "team/*" }));
  expect(error).toMatchObject({ code: Code.InvalidArgument });
});

test("two selections have in common what both select", () => {
  const segment = fc.constantFrom("a", "b", "c");
  const name = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  const room = fc.oneof(
    name,
    name.map((text) => `${text}/*`),
    fc.constantFrom("*", "", "main"),
  );
  const rooms = fc.array(room, { maxLength: 5 });
  fc.assert(
    fc.property(rooms, rooms, fc.array(fc.oneof(name, fc.constant(""))), (one, two, probes) => {
      const covers = (patterns: string[], probe: string) =>
        patterns.some((pattern) =>
          pattern.endsWith("*")
            ? probe.startsWith(pattern.slice(0, -1))
            : (pattern === "main" ? "" : pattern) === probe,
        );
      const both = RoomSelection.of(one).and(RoomSelection.of(two));
      for (const probe of probes) {
        expect(RoomSelection.of(one).has(probe)).toBe(covers(one, probe));
        expect(both.has(probe)).toBe(covers(one, probe) && covers(two, probe));
      }
      expect(RoomSelection.of(two).and(RoomSelection.of(one)).key).toBe(both.key);
      for (const pattern of one.filter((text) => text.endsWith("*"))) {
        const met = RoomSelection.of([pattern]).and(RoomSelection.of(two));
        expect(RoomSelection.of(two).meets(pattern.slice(0, -1))).toBe(!met.isNone);
      }
    }),
    { numRuns: rounds(200) },
  );
});

test("a selection of no room is not mistaken for that of main", () => {
  expect(RoomSelection.of([]).key).not.toBe(RoomSelection.main.key);
  expect(RoomSelection.of(["main"]).key).toBe(RoomSelection.main.key);
});
