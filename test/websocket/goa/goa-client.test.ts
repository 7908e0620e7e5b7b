import { expect, test } from "vitest";
import { startChatter, type TestServer } from "../../support/chatter-server.js";
import { until } from "../../support/streams.js";
import { close, frame, opcode, RawSocket, text } from "../../support/websocket-raw.js";
import { answerOf, storedTexts } from "./client.js";

/*
 * The calls of a client that goa generated for its chatter, frame by frame: a handshake
 * without Origin, subprotocol or extension; messages as Go's JSON encoder writes them, with
 * a newline; and a connection that is gone as soon as the last of them is written.
 */

const json = (value: unknown) => text(`${JSON.stringify(value)}\n`);
const goneWell = { closeCode: 1000, closeReason: "server closing connection" };

async function login(server: TestServer): Promise<string> {
  const answer = await answerOf(server, "/login", "POST", {
    authorization: `Basic ${Buffer.from("goa:rocks").toString("base64")}`,
  });
  return JSON.parse(answer.body);
}

async function dial(server: TestServer, path: string, token: string): Promise<RawSocket> {
  const raw = await new RawSocket(Number(new URL(server.url).port), {
    path,
    headers: { "User-Agent": undefined, Authorization: `Bearer ${token}` },
  }).opened();
  expect(raw.status).toBe(101);
  expect(raw.head).not.toMatch(/^sec-websocket-(protocol|extensions):/im);
  // gorilla answers a close, and then waits for its user to close the connection.
  raw.closes = false;
  return raw;
}

test("login, subscribe, echoer, listener, summary, history, as goa's own client calls them", async () => {
  const server = await startChatter();
  const token = await login(server);

  const empty = await dial(server, "/history", token);
  await empty.closed();
  expect(empty).toMatchObject({ texts: [], ...goneWell });
  empty.socket.end();

  const events = await dial(server, "/subscribe", token);

  const echo = await dial(server, "/echoer", token);
  for (const [i, message] of ["a", "b"].entries()) {
    echo.write(json(message));
    await until(() => echo.texts.length === i + 1, "the echo");
    expect(echo.texts[i]).toBe(`${JSON.stringify(message)}\n`);
  }
  echo.socket.end(json(null));

  const listener = await dial(server, "/listener", token);
  listener.socket.end(Buffer.concat([json("c"), json(""), json("s2 é"), json(null)]));
  await until(() => server.log.head === 5, "all is stored");

  const summary = await dial(server, "/summary", token);
  summary.write(json("d"), json("e"), json(null));
  await until(() => summary.texts.length === 1, "the summary");
  summary.socket.end();
  const entries = JSON.parse(summary.texts[0]!);
  expect(entries).toMatchObject([
    { message: "d", length: 1 },
    { message: "e", length: 1 },
  ]);

  const texts = ["a", "b", "c", "", "s2 é", "d", "e"];
  for (const view of ["", "?view=default", "?view=tiny"]) {
    const history = await dial(server, `/history${view}`, token);
    expect(history.head).toContain(`goa-view: ${view === "?view=tiny" ? "tiny" : "default"}\r\n`);
    await history.closed();
    expect(history).toMatchObject(goneWell);
    const stored = history.texts.map((line) => JSON.parse(line));
    expect(stored.map(({ message }) => message)).toEqual(texts);
    for (const message of view === "?view=tiny" ? [] : stored) {
      expect(message.length).toBe(Buffer.byteLength(message.message));
      expect(new Date(message.sent_at).getTime()).not.toBeNaN();
    }
    history.socket.end();
  }

  await until(() => events.texts.length === texts.length, "the events");
  for (const [i, line] of events.texts.entries()) {
    const event = JSON.parse(line);
    expect(event).toMatchObject({ message: texts[i], action: "added" });
    expect(new Date(event.added_at).getTime()).not.toBeNaN();
  }
  // Its context was cancelled.
  const going = Buffer.concat([Buffer.from([3, 232]), Buffer.from("client closing connection")]);
  events.socket.end(frame(opcode.close, going));
  await until(() => server.chatter.openCalls === 0, "no call is open");
  expect(await storedTexts(server)).toEqual(texts);
});

test("a client that closes with a frame and no null has ended its stream", async () => {
  const server = await startChatter();
  const listener = await dial(server, "/listener", await login(server));
  listener.socket.end(Buffer.concat([json("a"), close(1000)]));
  await until(() => server.log.head === 1 && server.chatter.openCalls === 0, "the end");
});
