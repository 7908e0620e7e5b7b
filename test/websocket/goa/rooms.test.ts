import { describe, expect, test } from "vitest";
import { startChatter, type TestServer } from "../../support/chatter-server.js";
import { until } from "../../support/streams.js";
import { openGoa, refused } from "./client.js";

const goneWell = { code: 1000, reason: "server closing connection" };

/** Stores texts in rooms, in order, as "goa" does. */
async function fillRooms({ log }: TestServer, posts: readonly [room: string, text: string][]) {
  for (const [room, text] of posts) {
    await log.append([{ room, text, sender: "goa", messageId: "" }]);
  }
}

/** What the token's holder gets by a path, whole. */
async function messagesAt(server: TestServer, path: string, authorization?: string) {
  const socket = await openGoa(server, path, authorization ? { authorization } : {});
  expect(await socket.closed()).toEqual(goneWell);
  return socket.messages;
}

async function tokenWith({ tokens }: TestServer, ...scopes: string[]): Promise<string> {
  const { token } = await tokens.issue({ subject: "ann", scopes: scopes as never });
  return token;
}

const posted: [string, string][] = [
  ["", "to main"],
  ["team/alpha", "a"],
  ["team/beta", "b"],
  ["lobby", "l"],
];

describe("?room= where messages are read", () => {
  test("selects a room, several, or those of a pattern; each message has its room", async () => {
    const server = await startChatter();
    await fillRooms(server, posted);
    const read = async (query: string) =>
      (await messagesAt(server, `/history?${query}`)).map(({ room, message }) => [room, message]);
    expect(await read("room=team/alpha")).toEqual([posted[1]]);
    expect(await read("room=lobby&room=team/beta")).toEqual([posted[2], posted[3]]);
    expect(await read("room=team/*&room=main")).toEqual(posted.slice(0, 3));
    expect(await read("room=*&last=2")).toEqual(posted.slice(2));
    expect(await read("room=")).toEqual([posted[0]]);
    expect(await read("room=nobody/was/here")).toEqual([]);
  });

  test("without it there is main alone, and no message has the key", async () => {
    const server = await startChatter();
    await fillRooms(server, posted);
    const history = await messagesAt(server, "/history");
    expect(history.map(({ message }) => message)).toEqual(["to main"]);
    const events = await openGoa(server, `/subscribe`);
    await fillRooms(server, [...posted]);
    await events.received(1);
    const summary = await openGoa(server, "/summary");
    summary.send("s", null);
    await summary.closed();
    for (const message of [...history, ...events.messages, ...summary.messages[0]]) {
      expect(message).not.toHaveProperty("room");
    }
  });

  test("the tiny view has the message alone all the same", async () => {
    const server = await startChatter();
    await fillRooms(server, posted);
    expect(await messagesAt(server, "/history?room=lobby&view=tiny")).toEqual([{ message: "l" }]);
  });

  test("/subscribe follows its rooms, and continues after a cursor in others", async () => {
    const server = await startChatter();
    const first = await openGoa(server, "/subscribe?room=team/*&room=lobby");
    await fillRooms(server, posted);
    await first.received(3);
    expect(first.messages).toMatchObject([
      { message: "a", action: "added", room: "team/alpha", sequence: 2 },
      { message: "b", action: "added", room: "team/beta", sequence: 3 },
      { message: "l", action: "added", room: "lobby", sequence: 4 },
    ]);
    const second = await openGoa(server, `/subscribe?room=*&after=${first.messages[0].cursor}`);
    await second.received(2);
    expect(second.messages.map(({ room }) => room)).toEqual(["team/beta", "lobby"]);
  });
});

describe("?room= where messages are posted", () => {
  test.each(["/listener", "/summary", "/echoer"])("%s posts to it", async (path) => {
    const server = await startChatter();
    const socket = await openGoa(server, `${path}?room=team/alpha`);
    socket.send("a", "", "é", null);
    expect(await socket.closed()).toEqual(goneWell);
    const stored = await messagesAt(server, "/history?room=*");
    expect(stored.map(({ room, message }) => [room, message])).toEqual([
      ["team/alpha", "a"],
      ["team/alpha", ""],
      ["team/alpha", "é"],
    ]);
  });

  test("an empty one, and main, are main", async () => {
    const server = await startChatter();
    for (const room of ["", "main"]) {
      const socket = await openGoa(server, `/summary?room=${room}`);
      socket.send("a", null);
      expect(await socket.closed()).toEqual(goneWell);
      expect(socket.messages[0]).toMatchObject([{ message: "a", room: "" }]);
    }
    expect(await messagesAt(server, "/history")).toHaveLength(2);
  });

  test("a summary has the room of each message", async () => {
    const server = await startChatter();
    const socket = await openGoa(server, "/summary?room=lobby");
    socket.send("a", "b", null);
    await socket.closed();
    expect(socket.messages[0]).toMatchObject([
      { message: "a", room: "lobby" },
      { message: "b", room: "lobby" },
    ]);
  });
});

describe("a room that may not be had is an HTTP status, before the upgrade", () => {
  test.each([
    ["/history?room=team//alpha", /room "team\/\/alpha" is not valid: a room has 1 to 128/],
    ["/subscribe?room=lobby&room=a%20b", /room "a b" is not valid/],
    ["/history?room=te*", /"te\*" is not a valid pattern: a pattern is "\*"/],
    [`/subscribe?${"room=a&".repeat(1001)}`, /1001 names and patterns: it must have at most 1000/],
    ["/listener?room=team/", /room "team\/" is not valid/],
    ["/summary?room=team/*", /room "team\/\*" is not valid/],
    ["/echoer?room=a&room=b", /room is given 2 times: .* one room/],
  ])("%s: 400", async (path, message) => {
    const server = await startChatter();
    const answer = await refused(server, path, { authorization: server.token });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({
      name: "invalid_argument",
      message: expect.stringMatching(message),
      fault: false,
    });
    await until(() => server.chatter.openCalls === 0, "no call is open");
  });

  test.each([
    ["/history?room=lobby", "invalid scopes in token for lobby"],
    ["/subscribe?room=team/alpha&room=lobby", "invalid scopes in token for lobby"],
    ["/subscribe?room=other/*", "invalid scopes in token for other/*"],
    ["/history", "invalid scopes in token"],
    ["/history?room=main", "invalid scopes in token"],
    ["/echoer?room=team/alpha", "invalid scopes in token for team/alpha"],
    ["/listener", "invalid scopes in token"],
    ["/summary?room=main", "invalid scopes in token"],
  ])("%s without the right to it: 403", async (path, text) => {
    const server = await startChatter();
    await fillRooms(server, posted);
    const token = await tokenWith(server, "stream:read:team/*", "stream:write:team/beta");
    const answer = await refused(server, path, { authorization: token });
    expect(answer).toMatchObject({ status: 403, headers: { "goa-error": "invalid-scopes" } });
    expect(JSON.parse(answer.body)).toBe(text);
  });

  test("with a bad token, the token is what is said to be wrong", async () => {
    const server = await startChatter();
    for (const path of ["/echoer?room=a&room=b", "/history?room=a%20b"]) {
      expect(await refused(server, path, { authorization: "sesame" })).toMatchObject({
        status: 401,
      });
    }
  });
});

test("with rights for some rooms, these are posted to and read; * is what the token may read", async () => {
  const server = await startChatter();
  await fillRooms(server, posted);
  const token = await tokenWith(server, "stream:read:team/*", "stream:write:team/beta");
  const echo = await openGoa(server, "/echoer?room=team/beta", { authorization: token });
  echo.send("from ann", null);
  expect(await echo.closed()).toEqual(goneWell);
  const stored = await messagesAt(server, "/history?room=*", token);
  expect(stored.map(({ room, message, sender }) => [room, message, sender])).toEqual([
    ["team/alpha", "a", "goa"],
    ["team/beta", "b", "goa"],
    ["team/beta", "from ann", "ann"],
  ]);
});
