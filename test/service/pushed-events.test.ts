import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { createDeferred } from "../../src/async/deferred.js";
import type { Push } from "../../src/async/push.js";
import { SubscribeResponseSchema } from "../../src/gen/chatter_pb.js";
import { decodeEnvelopes } from "../../src/server/encoding/envelope.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import type { Batch, MessageLog } from "../../src/server/log/message-log.js";
import { RoomSelection } from "../../src/server/rooms/room-selection.js";
import { Follower } from "../../src/server/service/reading/follower.js";
import { HeadNotifier } from "../../src/server/service/reading/head-notifier.js";
import { ReadTurns } from "../../src/server/service/reading/read-turns.js";
import { startChatter } from "../support/chatter-server.js";
import { countReadBytes } from "../support/count-read-bytes.js";
import { FaultyLog } from "../support/faulty-log.js";
import { fill, numbered } from "../support/fill.js";
import { decode } from "../support/log-messages.js";
import { connectHttp2, envelope, post } from "../support/raw-http2.js";
import { until } from "../support/streams.js";
import { openFrames } from "../websocket/goa/client.js";

const subscribe = "/chatter.v1.ChatterService/Subscribe";

/*
 * A subscriber that has everything gets new messages in the turn in which the head moves, without a
 * promise for each: its consumer passes `push` to `next()`.
 */

interface Options {
  readonly log?: MessageLog;
  readonly after?: number;
  readonly rooms?: RoomSelection;
  readonly idleMs?: number;
}

function follow(options: Options = {}) {
  const { log = createMemoryLog(), after = 0, rooms = RoomSelection.main, idleMs = 0 } = options;
  const notifier = new HeadNotifier(log);
  const aborted = new AbortController();
  const count = { received: 0, sent: 0 };
  const follower = new Follower<string[]>(log, notifier, new ReadTurns(), {
    ...{ after, rooms, idleMs, count, user: "goa", signal: aborted.signal, call: undefined },
    ofBatch: textsOf,
    ofIdle: (place) => [`bookmark ${place}`],
  });
  return { log, notifier, follower, aborted, count };
}

function textsOf(batch: Batch): string[] {
  return decode(batch).map(({ message }) => message);
}

/** A consumer that is never full. */
function consumer() {
  const taken: string[] = [];
  const push: Push<string[]> = (texts) => void taken.push(...texts);
  return { taken, push };
}

test("a sleeper is pushed what comes, and woken by the end", async () => {
  const { log, follower, aborted } = follow();
  const { taken, push } = consumer();
  const woken = createDeferred<unknown>();
  expect(follower.nextOrSleep({ push, wake: woken.resolve })).toBeUndefined();
  expect(follower.isWaiting).toBe(true);

  await fill(log, ["one", "two"]);
  await until(() => taken.length === 2, "both are pushed");
  expect(follower.isWaiting).toBe(true);

  aborted.abort(new Error("over"));
  await expect(woken.promise).rejects.toThrow("over");
  await expect(follower.nextOrSleep({ push, wake: woken.resolve })).rejects.toThrow("over");
});

test("a sleeper that was full sleeps again", async () => {
  const { log, follower } = follow();
  const room = createDeferred<void>();
  const woken = createDeferred<unknown>();
  const taken: string[] = [];
  const sleeper = {
    push(texts: string[]) {
      taken.push(...texts);
      return taken.length === 1 ? room.promise : undefined;
    },
    wake: woken.resolve,
  };
  expect(follower.nextOrSleep(sleeper)).toBeUndefined();
  await fill(log, ["fills it"]);
  await until(() => taken.length === 1, "it is full");
  expect(follower.isWaiting).toBe(false);

  room.resolve();
  await until(() => follower.isWaiting, "it sleeps again");
  await fill(log, ["pushed"]);
  await until(() => taken.length === 2, "the next one");

  await follower.return();
  expect(await woken.promise).toEqual({ done: true, value: undefined });
});

test("new messages are pushed while next() waits, which continues to wait", async () => {
  const { log, follower, count } = follow();
  const { taken, push } = consumer();
  const next = follower.next(push);
  let isSettled = false;
  void next.finally(() => {
    isSettled = true;
  });
  const texts = numbered(3);
  for (const [i, text] of texts.entries()) {
    let takenAtHead: readonly string[] = [];
    const unlisten = log.listen({
      // The notifier listened first: what it has to do in this turn comes before this.
      moved: () => queueMicrotask(() => (takenAtHead = [...taken])),
      closed() {},
    });
    await fill(log, [text]);
    unlisten();
    expect(takenAtHead).toEqual(texts.slice(0, i + 1));
  }
  expect([isSettled, count.sent]).toEqual([false, 3]);
  await follower.return();
  expect(await next).toEqual({ done: true, value: undefined });
});

test("stored messages are not pushed, and nothing is left out between them and new ones", async () => {
  const log = createMemoryLog();
  await fill(log, ["stored"]);
  const { follower } = follow({ log });
  const { taken, push } = consumer();
  expect(await follower.next(push)).toEqual({ done: false, value: ["stored"] });
  await fill(log, ["before next()"]);
  expect(await follower.next(push)).toEqual({ done: false, value: ["before next()"] });
  void follower.next(push);
  await fill(log, ["new"]);
  expect(taken).toEqual(["new"]);
  await follower.return();
});

test("one who is full is read nothing for until there is room again", async () => {
  const log = createMemoryLog();
  let reads = 0;
  const read = log.read.bind(log);
  log.read = (after, options) => {
    reads++;
    return read(after, options);
  };
  const { follower, notifier } = follow({ log });
  const taken: string[] = [];
  const room = createDeferred<void>();
  const next = follower.next((texts) => {
    taken.push(...texts);
    return room.promise;
  });
  await fill(log, ["first"]);
  const readsWhenFull = reads;
  await fill(log, ["second"]);
  await fill(log, ["third"]);
  expect(taken).toEqual(["first"]);
  expect([reads, notifier.placeOf(follower)]).toEqual([readsWhenFull, 1]);
  room.resolve();
  expect(await next).toEqual({ done: false, value: ["second", "third"] });
  await follower.return();
});

test("more than a batch is not left waiting for the next message", async () => {
  const { log, follower } = follow();
  const { taken, push } = consumer();
  const next = follower.next(push);
  const long = Array.from({ length: 5 }, (_, i) => `${i}`.repeat(30_000));
  await fill(log, long);
  for (let { value } = await next; taken.length < long.length; ) {
    taken.push(...value!);
    if (taken.length < long.length) {
      ({ value } = await follower.next(push));
    }
  }
  expect(taken).toEqual(long);
  await follower.return();
});

test("only messages of its rooms are pushed", async () => {
  const { log, follower } = follow({ rooms: RoomSelection.of(["a", "b/*"]) });
  const { taken, push } = consumer();
  void follower.next(push);
  for (const room of ["a", "c", "b/1", "", "a"]) {
    await fill(log, [`to ${room}`], { room });
  }
  expect(taken).toEqual(["to a", "to b/1", "to a"]);
  await follower.return();
});

test("a bookmark is pushed after each time without a message", async () => {
  const { log, follower } = follow({ idleMs: 5 });
  const { taken, push } = consumer();
  void follower.next(push);
  await until(() => taken.length >= 2, "two bookmarks");
  await fill(log, ["new"]);
  await until(() => taken.at(-1) === "bookmark 1", "a bookmark after the message");
  expect(taken.filter((text) => text !== "bookmark 0" && text !== "bookmark 1")).toEqual(["new"]);
  await follower.return();
});

describe("next() rejects after messages were pushed", () => {
  test("when the signal is aborted, and nothing more is pushed", async () => {
    const { log, follower, aborted } = follow();
    const { taken, push } = consumer();
    const failed = expect(follower.next(push)).rejects.toThrow("over");
    await fill(log, ["new"]);
    aborted.abort(new Error("over"));
    await failed;
    await fill(log, ["late"]);
    expect(taken).toEqual(["new"]);
  });

  test("when the log fails", async () => {
    const log = new FaultyLog();
    const { follower } = follow({ log });
    const { taken, push } = consumer();
    const failed = expect(follower.next(push)).rejects.toThrow("unreadable");
    await fill(log, ["new"]);
    log.read = () => {
      throw new Error("unreadable");
    };
    await fill(log, ["lost"]);
    await failed;
    expect(taken).toEqual(["new"]);
  });

  test("when the log is closed", async () => {
    const { log, follower } = follow();
    const { push } = consumer();
    const failed = expect(follower.next(push)).rejects.toThrow("closed");
    await fill(log, ["new"]);
    await log.close();
    await failed;
  });

  test("when its consumer fails", async () => {
    const { log, follower } = follow();
    const next = follower.next(() => {
      throw new Error("broken");
    });
    const failed = expect(next).rejects.toThrow("broken");
    await fill(log, ["new"]);
    await failed;
  });
});

test("posts wait again for a reader that was late, once it has everything", async () => {
  const { log, follower, notifier } = follow();
  const { push } = consumer();
  void follower.next(push);
  await fill(log, ["one"]);
  notifier.giveUp("another", 2);
  expect(follower.lateUntil).toBe(Number.POSITIVE_INFINITY);
  await fill(log, ["two"]);
  expect(follower.lateUntil).toBeLessThan(Number.POSITIVE_INFINITY);
  await follower.return();
});

test("a follower whose signal was aborted before it began rejects with the reason", async () => {
  const { follower, aborted } = follow();
  aborted.abort(new Error("over"));
  await expect(follower.next()).rejects.toThrow("over");
});

describe("a live subscriber that stops reading gets everything when it reads again", () => {
  const long = "x".repeat(60_000);
  const total = 400;

  async function postAll(log: MessageLog, readBytes: () => number): Promise<void> {
    for (let i = 0; i < total; i++) {
      await fill(log, [long]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    // Of 24 MB: what the system's own buffers take, and a batch.
    expect(readBytes()).toBeLessThan(12 * 1024 * 1024);
  }

  test("in goa's dialect", async () => {
    const log = createMemoryLog();
    const readBytes = countReadBytes(log);
    const server = await startChatter({ log });
    const raw = openFrames(server, "/subscribe");
    await raw.opened();
    await fill(log, ["first"]);
    await until(() => raw.texts.length === 1, "it is live");
    raw.socket.pause();
    await postAll(log, readBytes);
    raw.socket.resume();
    await until(() => raw.texts.length === total + 1, "all of it");
    const sequences = raw.texts.map((event) => JSON.parse(event).sequence);
    expect(sequences).toEqual(Array.from({ length: total + 1 }, (_, i) => i + 1));
  });

  test("over HTTP/2", async () => {
    const log = createMemoryLog();
    const readBytes = countReadBytes(log);
    const server = await startChatter({ log });
    const stream = post(await connectHttp2(server.url), subscribe, {
      "content-type": "application/grpc",
      ...server.headers,
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
    });
    stream.end(envelope(""));
    await once(stream, "response");
    await fill(log, ["first"]);
    await until(() => bytes > 0, "it is live");
    stream.pause();
    await postAll(log, readBytes);
    stream.resume();
    await until(() => bytes > total * long.length, "all of it");
    const sequences = decodeEnvelopes(SubscribeResponseSchema, Buffer.concat(chunks));
    expect([...sequences].map(({ sequence }) => Number(sequence))).toEqual(
      Array.from({ length: total + 1 }, (_, i) => i + 1),
    );
  });
});
