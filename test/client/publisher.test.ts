import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import type { AppendResult, MessageLog, NewMessage } from "../../src/server/log/message-log.js";
import { startChatter } from "../support/chatter-server.js";
import { numbered } from "../support/fill.js";
import { collect, errorOf, sleep } from "../support/streams.js";
import { clientFor, connected } from "./support/connected.js";
import { startProxy } from "./support/proxy.js";
import { shortenPauses } from "./support/short-pauses.js";
import { when } from "./support/when.js";
import { wireNames } from "./support/wires.js";

shortenPauses();

/** A log in memory whose appends go through a function first. */
function logWith(
  append: (inner: MessageLog, messages: readonly NewMessage[]) => Promise<AppendResult>,
  windowMs?: number,
): MessageLog {
  const inner = createMemoryLog({ dedupe: { windowMs } });
  return new Proxy(inner, {
    get(target, name) {
      if (name === "append") {
        return (messages: readonly NewMessage[]) => append(target, messages);
      }
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test.each(wireNames)("over %s posts resolve to where they are stored, in order", async (wire) => {
  const { client } = await connected(wire);
  const publisher = client.publisher();
  const texts = numbered(100);
  const posted = await Promise.all(texts.map((text) => publisher.post(text)));
  expect(posted.map(({ sequence }) => Number(sequence))).toEqual(texts.map((_, i) => i + 1));
  const after = await collect(client.history({ after: posted[97]!.cursor }));
  expect(after.map(({ message }) => message)).toEqual(["m99", "m100"]);
});

test("one stream carries all posts, each with an id of its own", async () => {
  const ids: string[] = [];
  let streams = 0;
  const server = await startChatter({
    log: logWith((inner, messages) => {
      ids.push(...messages.map(({ messageId }) => messageId));
      return inner.append(messages);
    }),
    interceptors: [
      (next) => (request) => {
        streams += request.method.name === "Echoer" ? 1 : 0;
        return next(request);
      },
    ],
  });
  const client = clientFor({ url: server.url, auth: { token: server.token } });
  const publisher = client.publisher();
  await publisher.post("1");
  await Promise.all([publisher.post("2"), publisher.post("3")]);
  await client.publisher().post("4");
  expect(streams).toBe(2);
  expect(new Set(ids).size).toBe(4);
  expect(ids.every((id) => id.length >= 24 && id.length <= 128)).toBe(true);
});

test("a full queue makes the caller wait", async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const server = await startChatter({
    log: logWith(async (inner, messages) => {
      await gate;
      return inner.append(messages);
    }),
  });
  const client = clientFor({ url: server.url, auth: { token: server.token } });
  const publisher = client.publisher({ maxPending: 3 });
  let sent = 0;
  const posts: Promise<unknown>[] = [];
  const posting = (async () => {
    for (; sent < 50; sent++) {
      await publisher.ready();
      posts.push(publisher.post(`${sent}`));
    }
  })();
  await sleep(100);
  expect(sent).toBe(3);
  open();
  await posting;
  await Promise.all(posts);
  expect(server.log.head).toBe(50);
});

test("flush waits for what was posted, and reports a failure", async () => {
  const { client, server } = await connected();
  const publisher = client.publisher();
  await publisher.flush();
  for (const text of numbered(20)) {
    void publisher.post(text);
  }
  await publisher.flush();
  expect(server.log.head).toBe(20);

  const abort = new AbortController();
  const doomed = client.publisher({ signal: abort.signal });
  const post = doomed.post("never");
  const flush = doomed.flush();
  abort.abort(new Error("enough"));
  await expect(flush).rejects.toThrow("enough");
  await expect(post).rejects.toThrow("enough");
});

test("flush and close report earlier failures too, once", async () => {
  const { client } = await connected();
  const publisher = client.publisher();
  expect((await errorOf(publisher.post(""))).rawMessage).toContain("is empty");
  await publisher.post("good");
  expect((await errorOf(publisher.flush())).rawMessage).toContain("is empty");
  await publisher.flush();

  const abort = new AbortController();
  const doomed = client.publisher({ signal: abort.signal });
  await doomed.post("good");
  abort.abort(new Error("enough"));
  await when(() => doomed.state.status === "closed");
  await doomed.flush();
  await expect(doomed.post("never")).rejects.toThrow("enough");
  await expect(doomed.close()).rejects.toThrow("enough");

  const pending = client.publisher();
  const ended = Promise.allSettled([pending.post("never"), pending.flush()]);
  client.close();
  expect((await ended).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await pending.flush(); // That was reported.
});

test("close waits for what was posted, ends the stream, and takes no more", async () => {
  const { client, server } = await connected();
  const publisher = client.publisher();
  for (const text of numbered(20)) {
    void publisher.post(text);
  }
  await publisher.close();
  expect(server.log.head).toBe(20);
  expect(publisher.state).toEqual({ status: "closed" });
  expect((await errorOf(publisher.post("late"))).code).toBe(Code.FailedPrecondition);
  await when(() => server.chatter.openCalls === 0);
  await client.publisher().close();
});

describe("an invalid text fails alone, before it is sent", () => {
  test.each([
    ["", "is empty"],
    ["x".repeat(65_537), "has 65537 bytes"],
    ["€".repeat(21_846), "has 65538 bytes"],
    ["half \ud83d", "half a surrogate pair"],
  ])("%#", async (text, what) => {
    const { client } = await connected();
    const publisher = client.publisher();
    const [before, refused, after] = await Promise.allSettled([
      publisher.post("before"),
      publisher.post(text),
      publisher.post("€".repeat(21_845)),
    ]);
    expect([before.status, after.status]).toEqual(["fulfilled", "fulfilled"]);
    const { reason } = refused as PromiseRejectedResult;
    expect(reason.code).toBe(Code.InvalidArgument);
    expect(reason.rawMessage).toContain(what);
  });
});

test.each(wireNames)("over %s a post that the server refuses fails alone", async (wire) => {
  const server = await startChatter({
    log: logWith(async (inner, messages) => {
      const bad = messages.findIndex(({ text }) => text === "bad");
      const { positions } = await inner.append(bad < 0 ? messages : messages.slice(0, bad));
      const error = new ConnectError("the id is taken", Code.AlreadyExists);
      return bad < 0 ? { positions } : { positions, error };
    }),
  });
  const client = clientFor({ url: server.url, auth: { token: server.token }, transport: wire });
  const publisher = client.publisher();
  const outcomes = await Promise.allSettled(
    ["1", "2", "bad", "3", "bad", "4"].map((text) => publisher.post(text)),
  );
  expect(outcomes.map((outcome) => outcome.status === "fulfilled")).toEqual([
    true,
    true,
    false,
    true,
    false,
    true,
  ]);
  expect((outcomes[2] as PromiseRejectedResult).reason.code).toBe(Code.AlreadyExists);
  const stored = await collect(client.history());
  expect(stored.map(({ message }) => message)).toEqual(["1", "2", "3", "4"]);
});

test.each(wireNames)(
  "over %s what was stored but not answered is not stored again, however often it breaks",
  async (wire) => {
    let appends = 0;
    const server = await startChatter({
      log: logWith(async (inner, messages) => {
        const result = await inner.append(messages);
        if (++appends <= 3) {
          proxy.cut(); // after the commit, before the answer
          await sleep(20);
        }
        return result;
      }),
    });
    const proxy = await startProxy(server.url);
    const client = clientFor({ url: proxy.url, auth: { token: server.token }, transport: wire });
    const publisher = client.publisher();
    const posted = await Promise.all(["1", "2", "3"].map((text) => publisher.post(text)));
    expect(posted.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n]);
    expect(appends).toBeGreaterThan(3);
    const stored = await collect(client.history());
    expect(stored.map(({ message }) => message)).toEqual(["1", "2", "3"]);
  },
);

test("a post whose id may be forgotten fails and is not sent again; the next ones are", {
  timeout: 20_000,
}, async () => {
  let isFirst = true;
  const server = await startChatter({
    log: logWith(async (inner, messages) => {
      const result = await inner.append(messages);
      if (isFirst) {
        isFirst = false;
        await sleep(3_200); // no answer for longer than resendMs
        proxy.cut();
        await sleep(20);
      }
      return result;
    }, 3_000), // "old" is forgotten when it could be sent again, "young" is not
  });
  const proxy = await startProxy(server.url);
  const client = clientFor({ url: proxy.url, auth: { token: server.token } });
  const publisher = client.publisher({ resendMs: 3_000 });
  const old = errorOf(publisher.post("old"));
  await sleep(3_100);
  const young = publisher.post("young");
  const error = await old;
  expect(error.code).toBe(Code.DeadlineExceeded);
  expect(error.rawMessage).toContain("may be stored or not");
  await young;
  const stored = await collect(client.history());
  expect(stored.map(({ message }) => message)).toEqual(["old", "young"]);
});

test("what ends a publisher for good fails all its posts", async () => {
  const server = await startChatter();
  const { token } = await server.tokens.issue({ subject: "reader", scopes: ["stream:read"] });
  const client = clientFor({ url: server.url, auth: { token } });
  const publisher = client.publisher();
  const first = errorOf(publisher.post("1"));
  const second = errorOf(publisher.post("2"));
  expect((await first).code).toBe(Code.PermissionDenied);
  expect((await second).code).toBe(Code.PermissionDenied);
  expect((await errorOf(publisher.post("3"))).code).toBe(Code.PermissionDenied);
  expect((await errorOf(publisher.ready())).code).toBe(Code.PermissionDenied);
  expect(publisher.state.status).toBe("closed");
});

test("invalid counts and times are refused at once", async () => {
  const { client } = await connected();
  expect(() => client.publisher({ maxPending: 0 })).toThrow(RangeError);
  expect(() => client.publisher({ resendMs: Number.NaN })).toThrow(RangeError);
  expect(() => client.publisher({ answerMs: 0 })).toThrow(RangeError);
});
