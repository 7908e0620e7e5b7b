import { expect, test } from "vitest";
import { startChatter } from "../../support/chatter-server.js";
import { fill, numbered } from "../../support/fill.js";
import { openGoa, storedTexts } from "./client.js";

const goneWell = { code: 1000, reason: "server closing connection" };

test("echoer: what is sent comes back, as it comes, nothing more, then close 1000", async () => {
  const server = await startChatter();
  const echo = await openGoa(server, "/echoer");
  echo.send("a");
  await echo.received(1);
  expect(echo.texts).toEqual(['"a"\n']);
  echo.send("s2 é", '\u0000\n"\\ 😀', null);
  expect(await echo.closed()).toEqual(goneWell);
  expect(echo.messages).toEqual(["a", "s2 é", '\u0000\n"\\ 😀']);
  expect(await storedTexts(server)).toEqual(echo.messages);
});

test("echoer: after null the client still receives", async () => {
  const server = await startChatter();
  const texts = numbered(2000);
  const echo = await openGoa(server, "/echoer");
  echo.send(...texts, null);
  expect(await echo.closed()).toEqual(goneWell);
  expect(echo.messages).toEqual(texts);
});

test("listener: nothing is answered, close 1000, all is stored", async () => {
  const server = await startChatter();
  const listener = await openGoa(server, "/listener");
  listener.send(...numbered(1000), null);
  expect(await listener.closed()).toEqual(goneWell);
  expect(listener.texts).toEqual([]);
  expect(await storedTexts(server)).toEqual(numbered(1000));
});

test("summary: one array with exactly what was sent, close 1000", async () => {
  const server = await startChatter();
  const summary = await openGoa(server, "/summary");
  summary.send("s1", "s2 é", null);
  expect(await summary.closed()).toEqual(goneWell);
  expect(summary.texts).toHaveLength(1);
  expect(summary.texts[0]).toMatch(/^\[.*\]\n$/);
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  expect(summary.messages[0]).toEqual([
    { message: "s1", length: 2, sent_at: time, sequence: 1 },
    { message: "s2 é", length: 5, sent_at: time, sequence: 2 },
  ]);
  const none = await openGoa(server, "/summary");
  none.send(null);
  expect(await none.closed()).toEqual(goneWell);
  expect(none.messages).toEqual([[]]);
});

test("an empty string is a message, as any other is; null stores nothing", async () => {
  const server = await startChatter();
  const events = await openGoa(server, "/subscribe");
  const listener = await openGoa(server, "/listener");
  listener.send("", "a", "", null);
  expect(await listener.closed()).toEqual(goneWell);
  const echo = await openGoa(server, "/echoer");
  echo.send("", "", null);
  expect(await echo.closed()).toEqual(goneWell);
  expect(echo.texts).toEqual(['""\n', '""\n']);
  const summary = await openGoa(server, "/summary");
  summary.send("", "b", null);
  expect(await summary.closed()).toEqual(goneWell);
  expect(summary.messages[0]).toMatchObject([
    { message: "", length: 0, sequence: 6 },
    { message: "b", length: 1, sequence: 7 },
  ]);
  const stored = ["", "a", "", "", "", "", "b"];
  await events.received(stored.length);
  expect(events.messages).toMatchObject(
    stored.map((message, i) => ({ message, action: "added", sequence: i + 1 })),
  );
  const history = await openGoa(server, "/history");
  await history.closed();
  expect(history.messages).toMatchObject(
    stored.map((message) => ({ message, length: message.length, sender: "goa" })),
  );
  expect(await storedTexts(server)).toEqual(stored);
});

test("no message at all is a stream too: nothing is stored", async () => {
  const server = await startChatter();
  for (const path of ["/listener", "/echoer"]) {
    const socket = await openGoa(server, path);
    socket.send(null);
    expect(await socket.closed()).toEqual(goneWell);
    expect(socket.texts).toEqual([]);
  }
  expect(await storedTexts(server)).toEqual([]);
});

test("a binary message that holds JSON is taken as text; null may have space about it", async () => {
  const server = await startChatter();
  const echo = await openGoa(server, "/echoer");
  echo.ws.send(Buffer.from(' "é"\n'));
  echo.ws.send(Buffer.from("\tnull\n"));
  expect(await echo.closed()).toEqual(goneWell);
  expect(echo.messages).toEqual(["é"]);
});

test("a bare token is as good as a bearer's", async () => {
  const server = await startChatter();
  for (const authorization of [server.token, `bearer ${server.token}`]) {
    const echo = await openGoa(server, "/echoer", { authorization });
    echo.send("a", null);
    expect(await echo.closed()).toEqual(goneWell);
  }
});

test("null on an endpoint that takes nothing changes nothing", async () => {
  const server = await startChatter();
  await fill(server.log, ["a"]);
  const events = await openGoa(server, "/subscribe");
  events.send(null);
  await fill(server.log, ["b"]);
  await events.received(1);
  expect(events.messages).toMatchObject([{ message: "b" }]);
  const history = await openGoa(server, "/history");
  history.send(null);
  expect(await history.closed()).toEqual(goneWell);
  expect(history.messages).toMatchObject([{ message: "a" }, { message: "b" }]);
});
