import { setMaxListeners } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { formatCursor } from "../../src/server/encoding/cursor.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import type { Batch, MessageLog, ReadOptions } from "../../src/server/log/message-log.js";
import { ReadTurns } from "../../src/server/service/reading/read-turns.js";
import { startChatter } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { collect, until } from "../support/streams.js";
import { clientOf } from "../support/wires.js";

/** A log of which nothing is in memory: a disk that serves one read at a time, in order. */
class LogOnDisk {
  readonly waiting: (() => void)[] = [];
  /** The reads that it has served, by where they began. */
  readonly served: number[] = [];
  isHeld = true;
  readonly log: MessageLog;

  constructor() {
    const inner = createMemoryLog();
    onTestFinished(() => inner.close());
    const read = (after: number, options?: ReadOptions) =>
      after >= inner.head
        ? undefined
        : new Promise<Batch | undefined>((resolve, reject) => {
            this.waiting.push(() => {
              this.served.push(after);
              try {
                resolve(inner.read(after, options) as Batch | undefined);
              } catch (error) {
                reject(error);
              }
            });
            this.#serve();
          });
    this.log = new Proxy(inner, {
      get: (target, name) => {
        const value = name === "read" ? read : Reflect.get(target, name, target);
        return typeof value === "function" && name !== "read" ? value.bind(target) : value;
      },
    });
  }

  release(): void {
    this.isHeld = false;
    this.#serve();
  }

  #serve(): void {
    if (!this.isHeld && this.waiting.length > 0) {
      setImmediate(() => {
        if (!this.isHeld) {
          this.waiting.shift()?.();
          this.#serve();
        }
      });
    }
  }
}

test("who reads by hundreds of streams does not fill the disk's queue before everybody else", async () => {
  const disk = new LogOnDisk();
  await fill(disk.log, numbered(2_000));
  const server = await startChatter({ log: disk.log });
  const { token } = await server.tokens.issue({ subject: "mallory", scopes: ["stream:read"] });
  const after = formatCursor(disk.log.identity, 0);
  const leaving = new AbortController();
  setMaxListeners(0, leaving.signal); // Each call has one.
  const mallory = clientOf({ ...server, token });
  const readers = Array.from({ length: 300 }, async (_, i) => {
    const { signal } = leaving;
    const stream =
      i % 2 === 0 ? mallory.subscribe({ after }, { signal }) : mallory.history({}, { signal });
    for await (const _message of stream) {
      // All that comes.
    }
  });
  const ended = Promise.allSettled(readers);
  await until(() => server.chatter.openCalls === 300, "all streams are open");
  const before = disk.waiting.length;
  expect(before).toBeLessThanOrEqual(8); // And room is left for commits.

  const messages = collect(clientOf(server).history({ last: 10n }));
  await until(() => server.chatter.openCalls === 301, "another user reads");
  disk.release();
  expect(await messages).toHaveLength(10);
  expect(disk.served.indexOf(1_990)).toBeGreaterThanOrEqual(0);
  expect(disk.served.indexOf(1_990)).toBeLessThan(20);
  leaving.abort();
  await ended;
});

test("reads take turns by user, and those that memory answers do not wait where there is room", async () => {
  const turns = new ReadTurns();
  expect(turns.run("mallory", () => 1)).toBe(1);
  const order: string[] = [];
  const done: (() => void)[] = [];
  const disk = (user: string) =>
    turns.run(user, () => {
      order.push(user);
      return new Promise<void>((resolve) => done.push(resolve));
    });
  const all = [..."mmmmmmmmmmmm", "b", "c", "b"].map((user) => disk(user));
  const inMemory = turns.run("m", () => {
    order.push("m in memory");
    return 2;
  });
  const failing = turns.run("c", () => {
    throw new Error("gone");
  });
  const failed = expect(failing).rejects.toThrow("gone");
  expect(order).toEqual([..."mmmmmmmm"]);
  while (order.length < 16) {
    done.shift()!();
    await new Promise(setImmediate);
  }
  expect(order.slice(8)).toEqual(["m", "b", "c", "m", "b", "m", "m", "m in memory"]);
  for (const resolve of done) {
    resolve();
  }
  await Promise.all(all);
  await failed;
  expect(await inMemory).toBe(2);
  expect(turns.run("m", () => 3)).toBe(3);
});
