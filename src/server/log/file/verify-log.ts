import { idHashBytes, joinHashes } from "../core/dedupe-window.js";
import type { MessageRecord } from "../core/stored-record.js";
import { decodeStored } from "../transfer/copied-message.js";
import { openToRead } from "../transfer/folder-source.js";
import { StoredIds } from "../transfer/stored-ids.js";

/** Messages that are damaged or missing. */
export interface DamagedRange {
  readonly first: number;
  readonly last: number;
}

/** The contents of a log, and what of it is damaged. */
export interface LogReport {
  readonly identity: string;
  /** Sequence of the oldest message that is kept; head + 1 if there is none. */
  readonly first: number;
  /** Sequence of the newest message that any file mentions. */
  readonly head: number;
  /** Intact messages, the records they are in, and the size of their stored form in bytes. */
  readonly messages: number;
  readonly records: number;
  readonly bytes: number;
  /** Rooms that have intact messages. */
  readonly rooms: number;
  /** Stored ids that match their messages. */
  readonly ids: number;
  readonly damaged: readonly DamagedRange[];
  /**
   * What is wrong with files, one line each, including those that the log can do without, such as
   * one of two head files.
   */
  readonly damagedFiles: readonly string[];
  /** Ids that do not match their messages, and whole records of ids that are damaged. */
  readonly damagedIds: number;
}

/**
 * Verifies every record of the log in a folder that no server has open: its checksum, that it
 * follows the previous one, that its messages are those that its header says, that the log reaches
 * the head in its head file, and that ids match their messages.
 *
 * Rejects with `failed_precondition` if there is no log, or if it cannot be opened: the text
 * names the file that is damaged.
 */
export async function verifyLog(dir: string): Promise<LogReport> {
  const { store, lock, identity, first, place, headFaults } = await openToRead(dir);
  const { head } = place;
  const ids = new StoredIds(store);
  try {
    const counts = { messages: 0, records: 0, bytes: 0, ids: 0, damagedIds: 0 };
    const rooms = new Set<string>();
    const damaged: DamagedRange[] = [];
    let next = first;
    for await (const record of store.records(first - 1)) {
      const texts = textsOf(record);
      if (texts === undefined || record.first < next) {
        continue; // The log turns out to lack what it should have.
      }
      if (record.first > next) {
        damaged.push({ first: next, last: record.first - 1 });
      }
      next = record.last + 1;
      rooms.add(record.room);
      counts.messages += record.count;
      counts.records++;
      counts.bytes += record.bytes.length;
      for (const { hashed, sequence } of await ids.between(record.first - 1, record.last)) {
        const isRight = joinHashes(
          hashed.subarray(0, idHashBytes),
          texts[sequence - record.first]!,
          record.room,
        ).equals(hashed);
        counts[isRight ? "ids" : "damagedIds"]++;
      }
    }
    if (next <= head) {
      damaged.push({ first: next, last: head });
    }
    counts.damagedIds += ids.damaged;
    const damagedFiles = [...headFaults, ...store.faults];
    return { identity, first, head, ...counts, rooms: rooms.size, damaged, damagedFiles };
  } finally {
    await ids.close();
    await store.close();
    lock.release();
  }
}

/** The texts of a record; undefined if its messages are not those that its header says. */
function textsOf(record: MessageRecord): string[] | undefined {
  const messages = decodeStored(record.bytes, []);
  const isRight =
    messages.length === record.count &&
    record.last === record.first + record.count - 1 &&
    messages.every(
      ({ sequence, sentAt, room }, i) =>
        sequence === record.first + i && sentAt === record.sentAt && room === record.room,
    );
  return isRight ? messages.map(({ text }) => text) : undefined;
}
