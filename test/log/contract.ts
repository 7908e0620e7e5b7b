import { createHash } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { formatCursor } from "../../src/server/encoding/cursor.js";
import type { DedupeOptions } from "../../src/server/log/core/dedupe-window.js";
import type { RetentionOptions } from "../../src/server/log/core/retention.js";
import type { MessageLog } from "../../src/server/log/message-log.js";
import { decode, headBeyond, post, posts, readAll, texts } from "../support/log-messages.js";
import { describeRooms } from "./rooms/contract.js";

/** What every engine must take. */
export interface EngineOptions {
  readonly dedupe?: DedupeOptions;
  readonly retention?: RetentionOptions;
}

/** The promises of MessageLog, for one engine. `open` makes a new, empty log. */
export function describeContract(
  name: string,
  open: (options?: EngineOptions) => Promise<MessageLog>,
): void {
  const opened = async (options?: EngineOptions) => {
    const log = await open(options);
    onTestFinished(() => log.close());
    return log;
  };

  describeRooms(name, open);

  describe(`${name} keeps the contract`, () => {
    test("an empty log stands at 0", async () => {
      const log = await opened();
      expect(log.identity).toMatch(/^[\w-]{8}$/);
      expect([log.head, log.first, log.beforeLast(5)]).toEqual([0, 1, 0]);
      expect(log.writeFault).toBeUndefined();
      expect(await log.read(0)).toBeUndefined();
    });

    test("every field of a message is read as it was posted", async () => {
      const log = await opened();
      const before = Date.now();
      const { positions, error } = await log.append([
        { text: "s2 é 😀", sender: "gö", messageId: "" },
      ]);
      expect(error).toBeUndefined();
      const [position] = positions;
      const [message] = await readAll(log);
      expect(position!.sequence).toBe(1);
      expect(position!.sentAt).toBeGreaterThanOrEqual(before);
      expect(position!.sentAt).toBeLessThanOrEqual(Date.now());
      expect(message).toMatchObject({
        message: "s2 é 😀",
        length: 10,
        sequence: 1n,
        sender: "gö",
        cursor: formatCursor(log.identity, 1),
      });
      const { seconds, nanos } = message!.sentAt!;
      expect(Number(seconds) * 1000 + nanos / 1e6).toBe(position!.sentAt);
    });

    test("an empty text is a message too", async () => {
      const log = await opened();
      await log.append([post("", "id"), post("a"), post("", "", "")]);
      const { positions, error } = await log.append([post("", "id")]);
      expect([error, positions[0]!.sequence]).toEqual([undefined, 1]);
      expect(await readAll(log)).toMatchObject([
        { message: "", length: 0, sequence: 1n, sender: "goa" },
        { message: "a", length: 1, sequence: 2n },
        { message: "", length: 0, sequence: 3n, sender: "", cursor: formatCursor(log.identity, 3) },
      ]);
    });

    test("the ids that are remembered are given with their sequences, without their texts", async () => {
      const log = await opened({ dedupe: { maxIds: 3 } });
      if (log.idsBetween === undefined) {
        return; // JetStream reports it to nobody.
      }
      for (const text of ["one", "two", "three", "four", "five"]) {
        await log.append([post(text, `id of ${text}`), post("without an id")]);
      }
      const ids = await log.idsBetween(0, log.head);
      expect(ids.map(({ sequence }) => sequence)).toEqual([5, 7, 9]);
      const hash = createHash("sha256").update("3:goaid of four").digest().subarray(0, 16);
      expect(ids[1]!.hash).toEqual(hash);
      for (const [after, through, count] of [
        [5, 9, 2],
        [6, 7, 1],
        [7, 8, 0],
        [9, 10, 0],
      ] as const) {
        expect(await log.idsBetween(after, through)).toHaveLength(count);
      }
    });

    test("sequences rise within a call, and from a call to the next", async () => {
      const log = await opened();
      const together = await Promise.all([
        log.append(posts(3, "a")),
        log.append([]),
        log.append(posts(2, "b")),
      ]);
      const after = await log.append([post("c")]);
      const sequences = [...together, after].map(({ positions }) =>
        positions.map(({ sequence }) => sequence),
      );
      expect(sequences.map(({ length }) => length)).toEqual([3, 0, 2, 1]);
      for (const rising of sequences) {
        expect(rising).toEqual(rising.toSorted((a, b) => a - b));
      }
      expect(sequences.flat().toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(sequences[3]).toEqual([6]);
      const posted = ["a 1", "a 2", "a 3", "b 1", "b 2", "c"];
      const expected = sequences.flat().map((sequence, i) => [sequence - 1, posted[i]] as const);
      expect(Object.entries(await texts(log))).toEqual(
        expected.toSorted(([a], [b]) => a - b).map(([index, text]) => [String(index), text]),
      );
    });

    test("a call that takes more than one commit is notified how far it has come, in order", {
      timeout: 60_000,
    }, async () => {
      const log = await opened();
      const notified: number[] = [];
      const { positions, error } = await log.append(posts(4200), (stored) => {
        notified.push(...stored.map(({ sequence }) => sequence));
        expect(log.head).toBeGreaterThanOrEqual(notified.at(-1)!);
      });
      expect(error).toBeUndefined();
      const sequences = positions.map(({ sequence }) => sequence);
      expect(sequences).toHaveLength(4200);
      expect(notified.length).toBeGreaterThan(0);
      expect(notified.length).toBeLessThan(4200);
      expect(sequences.slice(0, notified.length)).toEqual(notified);
    });

    test("read goes after a place, no further than through, at most limit", async () => {
      const log = await opened();
      await log.append(posts(10));
      for (const [after, through, limit, first, last] of [
        [0, 10, 10, 1, 10],
        [3, 7, undefined, 4, 7],
        [3, undefined, 2, 4, 5],
        [0, undefined, 1, 1, 1],
        [8, 20, 5, 9, 10],
      ] as const) {
        const batch = (await log.read(after, { through, limit }))!;
        expect([batch.first, batch.last, batch.count]).toEqual([first, last, last - first + 1]);
        expect(decode(batch).map(({ sequence }) => Number(sequence))).toEqual(
          Array.from({ length: batch.count }, (_, i) => first + i),
        );
      }
      expect(await log.read(10)).toBeUndefined();
      expect(await log.read(7, { through: 7 })).toBeUndefined();
    });

    test("a batch has at most 64 KiB, or one message", async () => {
      const log = await opened();
      const long = [..."abcd"].map((letter) => post(letter.repeat(65_536)));
      await log.append([...posts(3000), ...long, ...posts(3)]);
      let after = 0;
      for (let batch = await log.read(0); batch !== undefined; batch = await log.read(after)) {
        expect(batch.first).toBe(after + 1);
        expect(batch.count === 1 || batch.bytes.length <= 65_536).toBe(true);
        after = batch.last;
      }
      expect(after).toBe(3007);
    });

    test("readers at the same place near the head get the same object, at once", async () => {
      const log = await opened();
      for (const message of posts(20)) {
        await log.append([message]);
      }
      const batch = log.read(4);
      expect(batch).toMatchObject({ first: 5, last: 20 });
      expect(log.read(4)).toBe(batch);
    });

    test("a repeat gets the first one's place, another text is refused", async () => {
      const log = await opened();
      const first = await log.append([post("one", "1"), post("two", "2")]);
      const repeat = await log.append([post("zero"), post("two", "2"), post("three", "3")]);
      expect(repeat.positions.map(({ sequence }) => sequence)).toEqual([3, 2, 4]);
      expect(repeat.positions[1]).toEqual(first.positions[1]);
      const conflict = await log.append([post("four"), post("other", "2"), post("five")]);
      expect(conflict.positions.map(({ sequence }) => sequence)).toEqual([5]);
      expect(conflict.error?.code).toBe(Code.AlreadyExists);
      expect(conflict.error?.rawMessage).toContain('"2"');
      expect((await log.append([post("two", "2", "other")])).positions[0]?.sequence).toBe(6);
      expect(await texts(log)).toEqual(["one", "two", "zero", "three", "four", "two"]);
    });

    test("of repeats under way together one is stored", async () => {
      const log = await opened();
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, i) => log.append([post("same", "1"), post(`${i}`)])),
      );
      expect(new Set(results.map(({ positions }) => positions[0]!.sequence)).size).toBe(1);
      expect(new Set(results.map(({ positions }) => positions[0]!.sentAt)).size).toBe(1);
      expect(await texts(log)).toHaveLength(21);
      const others = await Promise.all([1, 2].map((i) => log.append([post(`other ${i}`, "2")])));
      const refused = others.filter(({ error }) => error?.code === Code.AlreadyExists);
      expect(refused).toHaveLength(1);
      expect(await texts(log)).toHaveLength(22);
    });

    test("an id is free again when the window is over", async () => {
      const log = await opened({ dedupe: { windowMs: 1000 } });
      await log.append([post("a", "1")]);
      expect((await log.append([post("b", "1")])).error?.code).toBe(Code.AlreadyExists);
      const again = async () => (await log.append([post("b", "1")])).positions[0]?.sequence;
      await expect.poll(again, { interval: 50 }).toBe(2);
    });

    test("beforeLast is where the last messages begin", async () => {
      const log = await opened();
      await log.append(posts(10));
      expect(await texts(log, await log.beforeLast(2))).toEqual(["message 9", "message 10"]);
      expect([await log.beforeLast(0), await log.beforeLast(10), await log.beforeLast(99)]).toEqual(
        [10, 0, 0],
      );
    });

    test("retention moves the first message on and turns away who is overtaken", async () => {
      const log = await opened({ retention: { maxMessages: 5 } });
      for (const message of posts(20)) {
        await log.append([message]);
      }
      await expect.poll(() => log.first, { timeout: 10_000 }).toBe(16);
      expect(await texts(log)).toHaveLength(5);
      expect(await log.beforeLast(99)).toBe(15);
      await expect(async () => log.read(3)).rejects.toMatchObject({ code: Code.OutOfRange });
    });

    test("a closed log answers nothing and keeps nobody waiting", async () => {
      const log = await opened();
      await log.append([post("a")]);
      const turnedAway = expect(headBeyond(log, 1)).rejects.toMatchObject({
        code: Code.Unavailable,
      });
      const last = log.append([post("b")]);
      await log.close();
      expect((await last).error?.code ?? Code.Unavailable).toBe(Code.Unavailable);
      await turnedAway;
      await expect(headBeyond(log, 1)).rejects.toMatchObject({ code: Code.Unavailable });
      expect((await log.append([post("c")])).error?.code).toBe(Code.Unavailable);
      await expect(async () => log.read(0)).rejects.toMatchObject({ code: Code.Unavailable });
      await log.close();
    });
  });
}
