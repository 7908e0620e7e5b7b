import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { roomTitle } from "../../../src/protocol/rooms.js";
import type { MessageLog, RoomRange } from "../../../src/server/log/message-log.js";
import { RoomSelection } from "../../../src/server/rooms/room-selection.js";
import { rounds, texts } from "../../support/log-messages.js";
import {
  postTo,
  type RoomMessage,
  readRooms,
  roomList,
  roomMessages,
  select,
} from "../../support/room-messages.js";
import type { EngineOptions } from "../contract.js";
import { PlainLog } from "./plain-log.js";
import { anySelection, someRoom } from "./random-rooms.js";

/** The promises of MessageLog about rooms, for one engine. */
export function describeRooms(
  name: string,
  open: (options?: EngineOptions) => Promise<MessageLog>,
): void {
  const opened = async (options?: EngineOptions) => {
    const log = await open(options);
    onTestFinished(() => log.close());
    return log;
  };

  /** Posts one message after the other, each to a room: "room text". Resolves to what is stored. */
  const fill = async (log: MessageLog, posted: readonly string[]): Promise<RoomMessage[]> => {
    const messages = posted.map((line) => line.split(" ") as [string, string]);
    const { positions, error } = await log.append(
      messages.map(([room, text]) => postTo(room, text)),
    );
    expect(error).toBeUndefined();
    return messages.map(([room, text], i) => ({ sequence: positions[i]!.sequence, room, text }));
  };

  const lines = (messages: readonly RoomMessage[]) =>
    messages.map(({ room, text }) => `${room} ${text}`);

  describe(`${name} keeps the contract of rooms`, () => {
    test("messages of rooms are read by name, by several names, and by pattern", async () => {
      const log = await opened();
      const stored = await fill(log, [
        ...["main 1", "team/alpha 2", "team 3", "team/beta 4", "main 5", "team/alpha/x 6"],
        ...["team/alpha 7", "lobby 8", "teams 9", "team/alpha 10"],
      ]);
      for (const [rooms, expected] of [
        [["main"], [1, 5]],
        [["team/alpha"], [2, 7, 10]],
        [["lobby"], [8]],
        [["nobody"], []],
        [
          ["lobby", "team", "nobody"],
          [3, 8],
        ],
        [["team/*"], [2, 4, 6, 7, 10]],
        [
          ["team/alpha/*", "main"],
          [1, 5, 6],
        ],
        [["*"], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
      ] as const) {
        const found = await readRooms(log, select(...rooms));
        expect(found, rooms.join()).toEqual(
          stored.filter((_, i) => expected.includes((i + 1) as never)),
        );
      }
      expect(await texts(log)).toEqual(stored.map(({ text }) => text));
    });

    test("a read of rooms goes after a place, no further than through, at most limit", async () => {
      const log = await opened();
      await fill(
        log,
        Array.from({ length: 30 }, (_, i) => `${["a", "b", "main"][i % 3]} ${i + 1}`),
      );
      const read = async (
        ...[after, through, limit, ...rooms]: [number, number, number, ...string[]]
      ) => {
        const batch = await log.read(after, { through, limit, rooms: select(...rooms) });
        return batch && roomMessages(batch).map(({ sequence }) => sequence);
      };
      expect(await read(0, 30, 2, "a")).toEqual([1, 4]);
      expect(await read(1, 30, 2, "a")).toEqual([4, 7]);
      expect(await read(2, 12, 99, "a")).toEqual([4, 7, 10]);
      expect(await read(4, 6, 99, "a")).toBeUndefined();
      expect(await read(4, 7, 99, "a")).toEqual([7]);
      expect(await read(5, 12, 99, "a", "b")).toEqual([7, 8, 10, 11]);
      expect(await read(5, 12, 3, "a", "b")).toEqual([7, 8, 10]);
      expect(await read(28, 30, 99, "a")).toBeUndefined();
      expect(await read(28, 40, 99, "b", "nobody")).toEqual([29]);
    });

    test("calls under way together keep their order, whatever their messages' rooms", async () => {
      const log = await opened();
      const rooms = ["main", "a", "b/c", "d"];
      const calls = Array.from({ length: 40 }, (_, call) =>
        Array.from({ length: 1 + (call % 7) }, (_, i) => ({
          room: rooms[(call * 3 + i * (1 + (call % 3))) % rooms.length]!,
          text: `${call}-${i}`,
        })),
      );
      const answers = await Promise.all(
        calls.map((call) => log.append(call.map(({ room, text }) => postTo(room, text)))),
      );
      const stored: RoomMessage[] = [];
      for (const [call, { positions, error }] of answers.entries()) {
        expect(error).toBeUndefined();
        const sequences = positions.map(({ sequence }) => sequence);
        expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
        stored.push(...calls[call]!.map((message, i) => ({ ...message, sequence: sequences[i]! })));
      }
      stored.sort((a, b) => a.sequence - b.sequence);
      expect(new Set(stored.map(({ sequence }) => sequence)).size).toBe(stored.length);
      expect(await readRooms(log, RoomSelection.all)).toEqual(stored);
      for (const room of rooms) {
        expect(await readRooms(log, select(room))).toEqual(
          stored.filter((message) => message.room === room),
        );
      }
    });

    test("a listener gets the ranges of what was added, in order, and is notified at the end", async () => {
      const log = await opened();
      const heads: number[] = [];
      const ranges: RoomRange[] = [];
      const ends: unknown[] = [];
      const listener = {
        moved(moved: readonly RoomRange[] | undefined) {
          heads.push(log.head);
          ranges.push(...moved!);
        },
        closed: (error: unknown) => ends.push(error),
      };
      const unlisten = log.listen(listener);
      const other = log.listen({ moved() {}, closed: (error) => ends.push(error) });
      other();
      const stored = await fill(log, ["main 1", "main 2", "a 3", "main 4", "b/c 5", "b/c 6"]);
      await log.append([postTo("a", "7")]);
      const all = [...stored, { sequence: stored.length + 1, room: "a", text: "7" }];
      const covered = ranges.flatMap(({ room, first, last }) =>
        Array.from({ length: last - first + 1 }, (_, i) => [first + i, roomTitle(room)]),
      );
      expect(covered).toEqual(all.map(({ sequence, room }) => [sequence, room]));
      expect(heads.at(-1)).toBe(log.head);
      unlisten();
      await fill(log, ["a 8"]);
      expect(heads.at(-1)).toBe(log.head - 1);
      log.listen(listener);
      await log.close();
      expect(ends).toMatchObject([{ code: Code.Unavailable }]);
      log.listen(listener);
      expect(ends).toHaveLength(2);
    });

    test("readers at the same place of the same rooms get the same object, at once", async () => {
      const log = await opened();
      for (let i = 0; i < 20; i++) {
        await fill(log, [`a ${i}`, `b ${i}`, `c/d ${i}`]);
      }
      for (const rooms of [["a"], ["a", "b"], ["c/*"], ["c/*", "main", "a"]]) {
        const batch = log.read(7, { rooms: select(...rooms) });
        expect(batch).toMatchObject({ count: expect.any(Number) });
        expect(log.read(7, { rooms: select(...rooms.toReversed()) })).toBe(batch);
        expect(lines(roomMessages(batch as never)).length).toBeGreaterThan(10);
      }
      expect(log.read(log.head, { rooms: select("a") })).toBeUndefined();
      expect(log.read(log.head - 1, { rooms: select("a") })).toBeUndefined();
    });

    test("beforeLast counts what is selected", async () => {
      const log = await opened();
      const plain = new PlainLog();
      const posted = Array.from({ length: 60 }, (_, i) =>
        i % 20 === 0 ? `rare ${i}` : `${["a", "b/c", "main", "a"][i % 4]} ${i}`,
      );
      plain.messages.push(...(await fill(log, posted)));
      for (const rooms of [["a"], ["rare"], ["main"], ["a", "rare"], ["b/*"], ["*"], ["nobody"]]) {
        const selection = select(...rooms);
        const all = plain.select(selection);
        for (const count of [0, 1, 2, 3, 7, all.length, all.length + 1, 1000]) {
          const after = await log.beforeLast(count, selection);
          expect(await readRooms(log, selection, after), `${rooms} ${count}`).toEqual(
            all.slice(Math.max(0, all.length - count)),
          );
        }
      }
      const reason = new Error("the client has left");
      const counting = async () => log.beforeLast(1000, select("b/*"), AbortSignal.abort(reason));
      await expect(counting()).rejects.toBe(reason);
    });

    test("rooms are listed by title, with what is kept and what came since", async () => {
      const log = await opened();
      expect(await roomList(log)).toEqual([]);
      const before = Date.now();
      await fill(log, ["team/b 1", "main 2", "team/a 3", "lobby 4", "main 5", "zoo 6", "team/a 7"]);
      const all = [
        { room: "lobby", count: 1, last: 4, countSince: 0 },
        { room: "main", count: 2, last: 5, countSince: 0 },
        { room: "team/a", count: 2, last: 7, countSince: 0 },
        { room: "team/b", count: 1, last: 1, countSince: 0 },
        { room: "zoo", count: 1, last: 6, countSince: 0 },
      ];
      const some = (...rooms: string[]) => all.filter(({ room }) => rooms.includes(room));
      expect(await roomList(log)).toEqual(all);
      expect(await roomList(log, { limit: 2 })).toEqual(all.slice(0, 2));
      expect(await roomList(log, { after: "lobby", limit: 2 })).toEqual(some("main", "team/a"));
      expect(await roomList(log, { after: "n" })).toEqual(some("team/a", "team/b", "zoo"));
      expect(await roomList(log, { after: "zoo" })).toEqual([]);
      expect(await roomList(log, { prefix: "team/" })).toEqual(some("team/a", "team/b"));
      expect(await roomList(log, { prefix: "ma" })).toEqual(some("main"));
      expect(await roomList(log, { prefix: "team/", after: "team/a" })).toEqual(some("team/b"));
      expect(await roomList(log, { rooms: select("team/*", "main", "nobody") })).toEqual(
        some("main", "team/a", "team/b"),
      );
      expect(await roomList(log, { since: 3 })).toEqual(
        all.map((state) => ({
          ...state,
          countSince: { lobby: 1, main: 1, "team/a": 1, zoo: 1 }[state.room] ?? 0,
        })),
      );
      expect(await roomList(log, { since: 0 })).toEqual(
        all.map((state) => ({ ...state, countSince: state.count })),
      );
      const states = await log.rooms({
        ...{ rooms: RoomSelection.all, prefix: "", after: "", limit: 99 },
      });
      for (const { lastAt } of states) {
        expect(lastAt).toBeGreaterThanOrEqual(before);
        expect(lastAt).toBeLessThanOrEqual(Date.now());
      }
    });

    test("without `since` nothing counts as new, whatever was posted between two lists", async () => {
      const log = await opened();
      for (const count of [1, 2, 3]) {
        await fill(log, ["main one", "team/a two"]);
        const [main, team] = [2 * count - 1, 2 * count];
        expect(await roomList(log)).toEqual([
          { room: "main", count, last: main, countSince: 0 },
          { room: "team/a", count, last: team, countSince: 0 },
        ]);
      }
    });

    test("an id belongs to its sender over all rooms", async () => {
      const log = await opened();
      const first = await log.append([postTo("a", "text", "1"), postTo("main", "text", "2")]);
      for (const [room, text] of [
        ["b", "text"],
        ["main", "text"],
        ["a", "other"],
        ["main", "a\ntext"],
      ] as const) {
        const { positions, error } = await log.append([postTo(room, text, "1")]);
        expect([positions.length, error?.code]).toEqual([0, Code.AlreadyExists]);
        expect(error?.rawMessage).toContain('"1"');
      }
      expect((await log.append([postTo("a", "text", "2")])).error?.code).toBe(Code.AlreadyExists);
      const repeat = await log.append([postTo("a", "text", "1"), postTo("main", "text", "2")]);
      expect(repeat).toEqual(first);
      const together = await Promise.all(
        ["a", "b", "c", "a"].map((room) => log.append([postTo(room, "new", "3")])),
      );
      expect(together.filter(({ error }) => error === undefined).length).toBeGreaterThan(0);
      expect(
        (await readRooms(log, RoomSelection.all)).filter(({ text }) => text === "new"),
      ).toHaveLength(1);
    });

    test("retention goes by the log: a room whose last message is gone is gone", async () => {
      const log = await opened({ retention: { maxMessages: 10 } });
      const plain = new PlainLog();
      for (let i = 0; i < 40; i++) {
        const room = i < 25 ? "old" : ["a", "b/c", "main"][i % 3]!;
        plain.messages.push(...(await fill(log, [`${room} ${i}`])).map((message) => message));
      }
      await expect.poll(() => log.first, { timeout: 10_000 }).toBe(31);
      plain.dropBefore(31);
      expect(await roomList(log, { since: 35 })).toEqual(plain.rooms(RoomSelection.all, 35));
      expect(await readRooms(log, select("old"))).toEqual([]);
      for (const rooms of [["a"], ["b/*"], ["a", "main"], ["old"], ["*"]]) {
        const selection = select(...rooms);
        expect(await readRooms(log, selection)).toEqual(plain.select(selection));
        const after = await log.beforeLast(2, selection);
        expect(await readRooms(log, selection, after)).toEqual(plain.select(selection).slice(-2));
        expect(await log.beforeLast(99, selection)).toBeGreaterThanOrEqual(30);
      }
      await expect(async () => log.read(29, { rooms: select("a") })).rejects.toMatchObject({
        code: Code.OutOfRange,
      });
    });

    test("a read of rooms that was aborted rejects with the signal's reason", async () => {
      const log = await opened();
      await fill(log, ["a 1", "b 2"]);
      const signal = AbortSignal.abort(new Error("left"));
      await expect(async () => log.read(0, { rooms: select("a"), signal })).rejects.toThrow("left");
    });

    test("any rooms, selections and cuts are as a plain array has them", {
      timeout: 60_000 * rounds(1),
    }, async () => {
      const commits = fc.array(
        fc.array(fc.record({ room: someRoom, length: fc.integer({ min: 1, max: 300 }) }), {
          minLength: 1,
          maxLength: 12,
        }),
        { minLength: 1, maxLength: 12 },
      );
      const queries = fc.array(
        fc.record({
          selection: anySelection,
          after: fc.nat(150),
          through: fc.nat(150),
          limit: fc.integer({ min: 1, max: 20 }),
        }),
        { minLength: 1, maxLength: 8 },
      );
      await fc.assert(
        fc.asyncProperty(commits, queries, async (commits, queries) => {
          const log = await open();
          const plain = new PlainLog();
          try {
            for (const commit of commits) {
              plain.messages.push(
                ...(await fill(
                  log,
                  commit.map(({ room, length }, i) => `${room} ${`${i}`.padEnd(length, "x")}`),
                )),
              );
            }
            for (const { selection, after, through, limit } of queries) {
              const expected = plain.select(selection, after, through);
              const found = await readRooms(log, selection, after, { through, limit });
              expect(found).toEqual(expected);
              const all = plain.select(selection);
              const begin = await log.beforeLast(limit, selection);
              expect(await readRooms(log, selection, begin)).toEqual(all.slice(-limit));
              expect(await roomList(log, { rooms: selection, since: after })).toEqual(
                plain.rooms(selection, after),
              );
            }
          } finally {
            await log.close();
          }
        }),
        { numRuns: 15 * rounds(1) },
      );
    });
  });
}
