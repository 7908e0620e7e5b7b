import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { openFileLog } from "../../../src/server/log/file/file-log.js";
import { itemHeaderLength } from "../../../src/server/log/file/segments/item.js";
import type { MessageLog } from "../../../src/server/log/message-log.js";
import { postTo, readRooms, select } from "../../support/room-messages.js";
import { type FoundItem, flip, recordOf, segmentsOf, zero } from "../../support/segments.js";
import { tempDir } from "../../support/temp-dir.js";

const commits = 7;

/** Two messages of room `a` and two of room `b` in each commit; then the folder is damaged. */
async function damaged(segmentBytes: number, damage: (dir: string) => void): Promise<MessageLog> {
  const dir = tempDir();
  const before = await openFileLog({ dir, segmentBytes });
  for (let i = 0; i < commits; i++) {
    const messages = ["a", "a", "b", "b"].map((room) => postTo(room, `${i} in ${room}`));
    await before.append(messages);
  }
  // The first segment has no rooms, and the last one is being written.
  const full = segmentsOf(dir).slice(1, -1);
  const indexes = full.map((path) => path.replace(".seg", ".rooms"));
  await expect.poll(() => indexes.every((path) => existsSync(path))).toBe(true);
  await before.close();
  damage(dir);
  const log = await openFileLog({ dir, segmentBytes });
  onTestFinished(() => log.close());
  return log;
}

const removeRoomFiles = (dir: string) => {
  const folder = join(dir, "messages");
  for (const name of readdirSync(folder).filter((name) => name.endsWith(".rooms"))) {
    rmSync(join(folder, name));
  }
};

const loss = {
  code: Code.DataLoss,
  rawMessage: "messages 17 to 18 of the log are damaged or missing on the disk",
};

const sequencesOf = async (log: MessageLog, room: string, after: number) =>
  (await readRooms(log, select(room), after)).map(({ sequence }) => sequence);

const expected = (places: readonly number[], after: number) =>
  Array.from({ length: commits }, (_, i) => places.map((place) => 4 * i + place))
    .flat()
    .filter((sequence) => sequence > after);

describe.each([
  { where: "in the segment that is being written", bytes: 2 ** 20 },
  { where: "in a full segment", bytes: 4700, hasIndex: true },
  { where: "in a full segment without its index of rooms", bytes: 4700, prepare: removeRoomFiles },
])(
  "messages 17 and 18, which are in room a, are damaged $where",
  ({ bytes, hasIndex, prepare }) => {
    const damagedBy = (damage: (record: FoundItem) => void) =>
      damaged(bytes, (dir) => {
        damage(recordOf(dir, 18));
        prepare?.(dir);
      });

    test("readers of room a get data_loss and the range, readers of room b get all of theirs", async () => {
      const log = await damagedBy((record) => flip(record, itemHeaderLength + 20));
      for (const rooms of [select("a"), select("a", "b"), select("*")]) {
        await expect(readRooms(log, rooms, 0)).rejects.toMatchObject(loss);
        await expect(readRooms(log, rooms, 16)).rejects.toMatchObject(loss);
      }
      expect(await log.read(12, { rooms: select("a") })).toMatchObject({ first: 13, last: 14 });
      expect(await sequencesOf(log, "a", 18)).toEqual(expected([1, 2], 18));
      expect(await sequencesOf(log, "b", 0)).toEqual(expected([3, 4], 0));
    });

    test("if nothing says whose they were, readers of all rooms get data_loss", async () => {
      const log = await damagedBy(zero);
      await expect(readRooms(log, select("a"), 0)).rejects.toMatchObject(loss);
      const others = [sequencesOf(log, "b", 0), sequencesOf(log, "none", 0)];
      if (hasIndex) {
        expect(await Promise.all(others)).toEqual([expected([3, 4], 0), []]);
      } else {
        expect(await Promise.allSettled(others)).toMatchObject([
          { reason: loss },
          { reason: loss },
        ]);
      }
      expect(await sequencesOf(log, "a", 18)).toEqual(expected([1, 2], 18));
      expect(await sequencesOf(log, "b", 18)).toEqual(expected([3, 4], 18));
    });
  },
);
