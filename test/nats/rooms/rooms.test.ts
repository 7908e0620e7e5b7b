import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { roomTitle } from "../../../src/protocol/rooms.js";
import type { MessageLog } from "../../../src/server/log/message-log.js";
import { RoomSelection } from "../../../src/server/rooms/room-selection.js";
import { PlainLog } from "../../log/rooms/plain-log.js";
import { post, rounds } from "../../support/log-messages.js";
import { hasNats, type NatsProcess, natsPrograms, startNats } from "../../support/nats-server.js";
import { postTo, readRooms, roomList, select } from "../../support/room-messages.js";
import { manage } from "../support/manager.js";
import { openLog } from "../support/open-log.js";

const titles = ["main", "a", "a/b", "a/b/c", "a/bc", "ab", "team/x", "team/y", "z"];

const selections = [
  ...titles.map((title) => [title]),
  ...[["*"], ["a/*"], ["a/b/*"], ["team/*", "main"], ["nobody"], ["nobody/*"], ["z", "a", "ab"]],
  // More than are read by their subjects.
  [...titles, ...Array.from({ length: 20 }, (_, i) => `other/${i}`)],
].map((rooms) => select(...rooms));

/** Posts to rooms, some messages a call; resolves to what is stored. */
async function fill(log: MessageLog, count: number, roomOf: (i: number) => string) {
  const plain = new PlainLog();
  for (let start = 0; start < count; start += 100) {
    const some = Array.from({ length: Math.min(100, count - start) }, (_, i) => start + i);
    const { positions, error } = await log.append(
      some.map((i) => postTo(roomOf(i), `${i}`.padEnd(1 + (i % 7) * 40, "."))),
    );
    expect(error).toBeUndefined();
    for (const [at, i] of some.entries()) {
      const text = `${i}`.padEnd(1 + (i % 7) * 40, ".");
      plain.messages.push({ room: roomOf(i), sequence: positions[at]!.sequence, text });
    }
  }
  return plain;
}

/** Rooms that are busy at different times, one of them only at first. */
const busy = (i: number) =>
  i < 300 ? (i % 2 === 0 ? "z" : "a/b") : titles[(i * i + Math.floor(i / 50)) % 8]!;

async function expectSame(log: MessageLog, plain: PlainLog): Promise<void> {
  const head = plain.messages.at(-1)!.sequence;
  const after = (sequence: number) => Math.max(log.first - 1, sequence);
  for (const selection of selections) {
    const all = plain.select(selection);
    expect(await readRooms(log, selection), selection.key).toEqual(all);
    for (const [start, through] of [
      [after(1), head - 1],
      [after(head - 200), head - 160],
      [after(head - 3), head],
    ] as const) {
      const found = await readRooms(log, selection, start, { through, limit: 7 });
      expect(found, `${selection.key} ${start} ${through}`).toEqual(
        plain.select(selection, start, through),
      );
    }
    for (const count of [1, 2, 50, all.length - 1, all.length, all.length + 1]) {
      const after = await log.beforeLast(Math.max(0, count), selection);
      const last = count > 0 ? all.slice(-count) : [];
      expect(await readRooms(log, selection, after), `${selection.key} ${count}`).toEqual(last);
    }
    for (const since of [0, 5, head >> 1, head]) {
      expect(await roomList(log, { rooms: selection, since }), `${selection.key} ${since}`).toEqual(
        plain.rooms(selection, since),
      );
    }
  }
}

describe.skipIf(!hasNats).each(natsPrograms)(
  "rooms in a stream, nats-server $version",
  (program) => {
    const start = () => startNats("", program);

    test("what is posted to one server is read on another, in memory or not, and after a restart", {
      timeout: 120_000,
    }, async () => {
      const nats = await start();
      const [one, other] = [await openLog(nats.address), await openLog(nats.address)];
      const plain = await fill(one, 600, busy);
      await expect.poll(() => other.head).toBe(600);
      await expectSame(other, plain);
      // Its memory begins at the end: the rest is read from the stream.
      const late = await openLog(nats.address);
      for (const rooms of [["*"], ["z", "a/*"]]) {
        expect((await late.read(0, { rooms: select(...rooms) }))!.count).toBeGreaterThan(100);
      }
      await expectSame(late, plain);
      plain.messages.push(...(await fill(one, 40, (i) => titles[i % 9]!)).messages);
      await expect.poll(() => late.head).toBe(640);
      await expectSame(late, plain);
      await nats.kill();
      await nats.start();
      await expectSame(await openLog(nats.address), plain);
    });

    test("each room has a subject; one message names it", async () => {
      const nats = await start();
      const log = await openLog(nats.address);
      await log.append([post("1"), postTo("a", "2"), postTo("a/b-C_1", "3"), postTo("a", "4")]);
      const manager = await manage(nats.address);
      const { config, state } = await manager.streams.info("chatter", { subjects_filter: ">" });
      const [base] = config.subjects;
      expect(config.subjects).toEqual([base, `${base}.>`]);
      expect(state.subjects).toEqual({ [base!]: 1, [`${base}.a`]: 2, [`${base}.a.b-C_1`]: 1 });
    });

    test.each([301, 1001])(
      "%s are listed page by page, with what came since",
      {
        timeout: 120_000,
      },
      async (rooms) => {
        const nats = await start();
        const plain = await fill(await openLog(nats.address), 3000, (i) =>
          i % 3 === 0 ? "main" : `many/${i % ((rooms - 1) * 1.5)}`,
        );
        const log = await openLog(nats.address);
        const { size } = new Set(plain.messages.map(({ room }) => room));
        expect(size).toBe(rooms);
        for (const since of [undefined, 0, 100, 1700]) {
          const expected = plain.rooms(RoomSelection.all, since);
          const found = [];
          for (let after = ""; found.length < size; after = found.at(-1)!.room) {
            const page = await roomList(log, { since, after, limit: 300 });
            expect(page.length).toBe(Math.min(300, size - found.length));
            found.push(...page);
          }
          expect(found).toEqual(expected);
        }
      },
    );

    test("an id belongs to its sender over all rooms, on every server", async () => {
      const nats = await start();
      const [one, other] = [await openLog(nats.address), await openLog(nats.address)];
      const [first] = (await one.append([postTo("a", "text", "id")])).positions;
      expect((await other.append([postTo("a", "text", "id")])).positions).toEqual([first]);
      for (const room of ["b", "main"]) {
        const { positions, error } = await other.append([
          postTo(room, "before"),
          postTo(room, "text", "id"),
          postTo(room, "after"),
        ]);
        expect([positions.length, error?.code]).toEqual([1, Code.AlreadyExists]);
      }
    });

    test("retention removes what is oldest: a reader of a room that comes too late gets an error", async () => {
      const nats = await start();
      const log = await openLog(nats.address);
      const plain = await fill(log, 300, busy);
      const behind = await openLog(nats.address);
      await (await manage(nats.address)).streams.purge("chatter", { seq: 200 });
      await expect(async () => behind.read(100, { rooms: select("z") })).rejects.toMatchObject({
        code: Code.OutOfRange,
      });
      plain.dropBefore(200);
      await expect.poll(() => log.first).toBe(200);
      await expectSame(await openLog(nats.address), plain);
    });

    test("a call ends when its signal does, while NATS is silent, and continues when it is back", async () => {
      const nats = await start();
      await fill(await openLog(nats.address), 300, busy);
      const log = await openLog(nats.address);
      nats.pause();
      const abort = new AbortController();
      const { signal } = abort;
      const rooms = select("z");
      const calls = [
        log.read(0, { rooms, signal }),
        log.rooms({ rooms, prefix: "", after: "", limit: 10, since: 3, signal }),
      ].map((call) => expect(call).rejects.toThrow("left"));
      abort.abort(new Error("left"));
      await Promise.all(calls);
      const again = readRooms(log, rooms);
      nats.resume();
      expect(await again).toHaveLength(150);
      const closing = expect(log.read(3, { rooms: select("a/b") })).rejects.toMatchObject({
        code: Code.Unavailable,
      });
      await log.close();
      await closing;
    });

    test("random rooms, selections and cuts are the same on a server that reads the stream", {
      timeout: 60_000 * rounds(1),
    }, async () => {
      const nats: NatsProcess = await start();
      for (let round = 0; round < 2 * rounds(1); round++) {
        const stream = `round-${round}`;
        const size = 1 + ((round * 37) % 9);
        const titleOf = (i: number) => titles[(i * (round + 3) + ((i * i) >> 3)) % size]!;
        const plain = await fill(await openLog(nats.address, { stream }), 200, titleOf);
        await expectSame(await openLog(nats.address, { stream }), plain);
        const list = await roomList(await openLog(nats.address, { stream }));
        const used = new Set(Array.from({ length: 200 }, (_, i) => titleOf(i)));
        expect(list.map(({ room }) => roomTitle(room))).toEqual([...used].sort());
      }
    });
  },
);
