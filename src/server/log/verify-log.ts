import { decodeStored } from "./copy/copied-message.js";
import { existingLog } from "./copy/folder-source.js";
import { StoredIds } from "./copy/stored-ids.js";
import { idHashBytes, joinHashes } from "./dedupe-window.js";
import type { FoundRecord, LevelStore } from "./level-store.js";
import { openStore } from "./open-store.js";
import { keySequence, type MessageRecord } from "./record.js";

/** Messages that are damaged or missing. */
export interface DamagedRange {
  readonly first: number;
  readonly last: number;
}

/** What is in a log, and what of it is damaged. */
export interface LogReport {
  readonly identity: string;
  /** Sequence of the oldest message that is kept; head + 1 if there is none. */
  readonly first: number;
  /** Sequence of the newest message that anything speaks of. */
  readonly head: number;
  /** Intact messages, the records they are in, and the bytes of their stored form. */
  readonly messages: number;
  readonly records: number;
  readonly bytes: number;
  /** Ids that are stored and fit their messages. */
  readonly ids: number;
  readonly damaged: readonly DamagedRange[];
  /** Ids that do not fit their messages, and whole records of ids that are damaged. */
  readonly damagedIds: number;
}

/**
 * Looks at every record of the log in a folder that no server has open: its checksum, that it
 * follows the one before, that its messages are those that it says, that the log reaches the
 * head that its witness knows, and that ids fit their messages.
 *
 * Rejects with `failed_precondition` if there is no log, or if it cannot be opened: the text
 * names the file that is damaged.
 */
export async function verifyLog(dir: string): Promise<LogReport> {
  const { store, identity, first, place } = await openStore(existingLog(dir), {
    checkMs: Number.POSITIVE_INFINITY,
  });
  const { head } = place;
  const ids = new StoredIds(store);
  try {
    const counts = { messages: 0, records: 0, bytes: 0, ids: 0, damagedIds: 0 };
    const damaged: DamagedRange[] = [];
    let next = first;
    for await (const { record, texts } of intactRecords(store, first - 1, head)) {
      if (record.first < next) {
        continue; // What it has beyond the one before is found to be missing.
      }
      if (record.first > next) {
        damaged.push({ first: next, last: record.first - 1 });
      }
      next = record.last + 1;
      counts.messages += record.count;
      counts.records++;
      counts.bytes += record.bytes.length;
      for (const { hashed, sequence } of await ids.between(record.first - 1, record.last)) {
        const isRight = joinHashes(
          hashed.subarray(0, idHashBytes),
          texts[sequence - record.first]!,
        ).equals(hashed);
        counts[isRight ? "ids" : "damagedIds"]++;
      }
    }
    if (next <= head) {
      damaged.push({ first: next, last: head });
    }
    counts.damagedIds += ids.damaged;
    return { identity, first, head, ...counts, damaged };
  } finally {
    await ids.close();
    await store.close();
  }
}

/** The records after `after` that are as they were written, with the texts of their messages. */
async function* intactRecords(store: LevelStore, after: number, head: number) {
  let at = after;
  for (;;) {
    let found: FoundRecord[];
    try {
      found = await store.oldest(at, head);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "LEVEL_CORRUPTION") {
        return; // Nothing can be read beyond it.
      }
      throw error;
    }
    for (const { record } of found) {
      const texts = record && textsOf(record);
      if (texts !== undefined) {
        yield { record: record!, texts };
      }
    }
    const last = found.at(-1);
    if (last === undefined) {
      return;
    }
    at = keySequence(last.key) ?? head;
  }
}

/** The texts of a record; undefined if its messages are not those that its header says. */
function textsOf(record: MessageRecord): string[] | undefined {
  const messages = decodeStored(record.bytes, []);
  const isRight =
    messages.length === record.count &&
    record.last === record.first + record.count - 1 &&
    messages.every(
      ({ sequence, sentAt }, i) => sequence === record.first + i && sentAt === record.sentAt,
    );
  return isRight ? messages.map(({ text }) => text) : undefined;
}
