import { describe, expect, test } from "vitest";
import { startChatter } from "../../support/chatter-server.js";
import { fill, numbered } from "../../support/fill.js";
import { openGoa } from "./client.js";

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
const cursor = expect.stringMatching(/^[\w-]{16}$/);

describe("/subscribe", () => {
  test("is upgraded at once, though there is no event", async () => {
    const server = await startChatter();
    const events = await openGoa(server, "/subscribe");
    expect(events.openedAfterMs).toBeLessThan(500);
    expect(events.headers["chatter-cursor"]).toEqual(cursor);
  });

  test("has an event for each message, and nothing else", async () => {
    const server = await startChatter();
    await fill(server.log, ["before"]);
    const events = await openGoa(server, "/subscribe");
    await fill(server.log, ["a", "s2 é", "a"]);
    await events.received(3);
    expect(events.messages).toEqual([
      { message: "a", action: "added", added_at: time, sequence: 2, sender: "goa", cursor },
      { message: "s2 é", action: "added", added_at: time, sequence: 3, sender: "goa", cursor },
      { message: "a", action: "added", added_at: time, sequence: 4, sender: "goa", cursor },
    ]);
    expect(events.texts.every((text) => text.endsWith("}\n"))).toBe(true);
  });

  test("continues after a cursor, without a hole or a repeat, also after the one of its start", async () => {
    const server = await startChatter();
    await fill(server.log, ["before"]);
    const first = await openGoa(server, "/subscribe");
    first.ws.terminate();
    await fill(server.log, numbered(5));
    const second = await openGoa(server, `/subscribe?after=${first.headers["chatter-cursor"]}`);
    await second.received(5);
    second.ws.terminate();
    const third = await openGoa(server, `/subscribe?after=${second.messages[2].cursor}`);
    await fill(server.log, ["last"]);
    await third.received(3);
    expect(second.messages.map(({ message }) => message)).toEqual(numbered(5));
    expect(third.messages.map(({ message }) => message)).toEqual(["m4", "m5", "last"]);
  });
});

describe("/history", () => {
  test("of an empty log is upgraded and closed with 1000", async () => {
    const server = await startChatter();
    const history = await openGoa(server, "/history");
    expect(await history.closed()).toEqual({ code: 1000, reason: "server closing connection" });
    expect(history.texts).toEqual([]);
  });

  test.each(["/history", "/history?view=default"])("%s has all there is to know", async (path) => {
    const server = await startChatter();
    await fill(server.log, ["a", "s2 é"]);
    const history = await openGoa(server, path);
    expect((await history.closed()).code).toBe(1000);
    expect(history.headers["goa-view"]).toBe("default");
    expect(history.messages).toEqual([
      { message: "a", length: 1, sent_at: time, sequence: 1, sender: "goa", cursor },
      { message: "s2 é", length: 5, sent_at: time, sequence: 2, sender: "goa", cursor },
    ]);
  });

  test("?view=tiny has the message alone", async () => {
    const server = await startChatter();
    await fill(server.log, ["a", "s2 é"]);
    const history = await openGoa(server, "/history?view=tiny");
    expect((await history.closed()).code).toBe(1000);
    expect(history.headers["goa-view"]).toBe("tiny");
    expect(history.texts).toEqual(['{"message":"a"}\n', '{"message":"s2 é"}\n']);
  });

  test("begins after a cursor, or with the last ones, and ends at a limit", async () => {
    const server = await startChatter();
    await fill(server.log, numbered(10));
    const texts = async (query: string) => {
      const history = await openGoa(server, `/history?${query}`);
      await history.closed();
      return history.messages.map(({ message }) => message);
    };
    expect(await texts("limit=2&view=tiny")).toEqual(["m1", "m2"]);
    expect(await texts("last=2")).toEqual(["m9", "m10"]);
    expect(await texts("last=4&limit=1")).toEqual(["m7"]);
    const history = await openGoa(server, "/history?limit=3");
    await history.closed();
    expect(await texts(`after=${history.messages[2].cursor}&limit=2`)).toEqual(["m4", "m5"]);
  });

  test("is whole and in order for many messages, for several readers at once", async () => {
    const server = await startChatter();
    await fill(server.log, numbered(20_000));
    const readers = await Promise.all([1, 2, 3].map(() => openGoa(server, "/history?view=tiny")));
    for (const reader of readers) {
      await reader.closed();
      expect(reader.messages.map(({ message }) => message)).toEqual(numbered(20_000));
    }
  });
});
