import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { openFileLog } from "../../../src/server/log/file/file-log.js";
import type { MessageLog } from "../../../src/server/log/message-log.js";
import { RoomSelection } from "../../../src/server/rooms/room-selection.js";
import { rounds } from "../../support/log-messages.js";
import { postTo, readRooms, roomList } from "../../support/room-messages.js";
import { tempDir } from "../../support/temp-dir.js";
import { PlainLog } from "./plain-log.js";
import { anySelection, someRoom } from "./random-rooms.js";

/*
 * Property-based: a log on small files, so that most queries use the index files of rooms, behaves
 * like a plain array.
 */

const segmentBytes = 6000;

const roomFiles = (dir: string) =>
  readdirSync(join(dir, "messages"))
    .filter((name) => name.endsWith(".rooms"))
    .sort()
    .map((name) => join(dir, "messages", name));

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("post" as const),
      messages: fc.array(fc.record({ room: someRoom, length: fc.integer({ min: 1, max: 400 }) }), {
        minLength: 1,
        maxLength: 15,
      }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "restart" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("damage" as const),
      how: fc.constantFrom("gone" as const, "cut" as const, "flipped" as const),
      file: fc.nat(),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("ask" as const),
      selection: anySelection,
      after: fc.double({ min: 0, max: 1, noNaN: true }),
      through: fc.double({ min: 0, max: 1, noNaN: true }),
      limit: fc.integer({ min: 1, max: 30 }),
    }),
  },
);

interface Question {
  readonly selection: RoomSelection;
  /** Parts of the log. */
  readonly after: number;
  readonly through: number;
  readonly limit: number;
}

async function ask(
  log: MessageLog,
  plain: PlainLog,
  { selection, after, through, limit }: Question,
): Promise<void> {
  const place = (part: number) => log.first - 1 + Math.floor(part * (log.head - log.first + 1));
  const [from, to] = [place(after), place(through)];
  expect(await readRooms(log, selection, from, { through: to, limit })).toEqual(
    plain.select(selection, from, to),
  );
  expect(await readRooms(log, selection, from)).toEqual(plain.select(selection, from));
  const begin = await log.beforeLast(limit, selection);
  expect(await readRooms(log, selection, begin)).toEqual(plain.select(selection).slice(-limit));
  expect(await roomList(log, { rooms: selection, since: from })).toEqual(
    plain.rooms(selection, from),
  );
}

function damage(dir: string, how: "gone" | "cut" | "flipped", file: number, at: number): void {
  const files = roomFiles(dir);
  const path = files[file % files.length];
  if (path === undefined) {
    return;
  }
  const bytes = readFileSync(path);
  const place = Math.floor(at * bytes.length);
  if (how === "gone") {
    rmSync(path);
  } else if (how === "cut") {
    truncateSync(path, place);
  } else {
    bytes[place]! ^= 1 << (file % 8);
    writeFileSync(path, bytes);
  }
}

test.each([
  ["all is kept", undefined],
  ["retention removes the oldest", 40],
])(
  "any rooms, selections, restarts and damaged indexes: %s",
  {
    timeout: 120_000 * rounds(1),
  },
  async (_, maxMessages) => {
    const retention = maxMessages === undefined ? {} : { maxMessages };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 30 }), async (steps) => {
        const dir = join(tempDir(), "log");
        const plain = new PlainLog();
        const open = () => openFileLog({ dir, segmentBytes, retention });
        let log = await open();
        try {
          for (const current of steps) {
            if (current.kind === "post") {
              const messages = current.messages.map(({ room, length }, i) => ({
                room,
                text: `${i} `.padEnd(length, "x"),
              }));
              const { positions } = await log.append(
                messages.map(({ room, text }) => postTo(room, text)),
              );
              plain.messages.push(
                ...messages.map((message, i) => ({ ...message, sequence: positions[i]!.sequence })),
              );
            } else if (current.kind === "damage") {
              damage(dir, current.how, current.file, current.at);
            } else if (current.kind === "restart") {
              await log.close();
              log = await open();
            } else {
              plain.dropBefore(log.first);
              await ask(log, plain, current);
            }
          }
          plain.dropBefore(log.first);
          await ask(log, plain, {
            ...{ kind: "ask", selection: RoomSelection.all, after: 0, through: 1, limit: 3 },
          });
        } finally {
          await log.close();
          rmSync(dir, { recursive: true });
        }
      }),
      { numRuns: 6 * rounds(2) },
    );
  },
);

test("rooms that have few of many messages are found, in the newest segment and in full ones", async () => {
  const dir = tempDir();
  const options = { dir, segmentBytes: 100_000 };
  const before = await openFileLog(options);
  const plain = new PlainLog();
  for (let i = 0; i < 25; i++) {
    const messages = Array.from({ length: 80 }, (_, k) => {
      const room = k % 4 === 0 ? "busy" : `room/${(i * 37 + k * k) % 300}`;
      return { room, text: `${i} ${k}` };
    });
    const { positions } = await before.append(messages.map(({ room, text }) => postTo(room, text)));
    plain.messages.push(
      ...messages.map((message, k) => ({ ...message, sequence: positions[k]!.sequence })),
    );
  }
  await before.close();
  const log = await openFileLog(options); // Nothing is in memory.
  onTestFinished(() => log.close());
  const part = fc.double({ min: 0, max: 1, noNaN: true });
  const room = fc.oneof(
    { weight: 9, arbitrary: fc.nat(310).map((number) => `room/${number}`) },
    { weight: 1, arbitrary: fc.constantFrom("busy", "busy/*", "main") },
  );
  const question = fc.record({
    selection: fc
      .array(room, { minLength: 1, maxLength: 5 })
      .map((rooms) => RoomSelection.of(rooms)),
    ...{ after: part, through: part, limit: fc.integer({ min: 1, max: 12 }) },
  });
  await fc.assert(
    fc.asyncProperty(question, (asked) => ask(log, plain, asked)),
    { numRuns: 50 * rounds(1) },
  );
}, 60_000);
