import type { HashedId, IdRecord, MessageRecord } from "../core/stored-record.js";
import { FileStore } from "../file/file-store.js";
import { copyCommit, type StoredCommit } from "../file/segments/commit-frame.js";
import { copyDiffers } from "./errors.js";
import type { LostRange, OldLog } from "./old-log.js";

/** What was copied from a log of the old format, and what could not be copied. */
export interface CopiedOldLog {
  readonly identity: string;
  /** Sequence of the oldest message that is kept; head + 1 if there is none. */
  readonly first: number;
  /** Sequence of the newest message that any record mentions. */
  readonly head: number;
  readonly messages: number;
  /** Number of ids that are remembered. */
  readonly ids: number;
  /** Messages that are damaged or missing. */
  readonly lost: readonly LostRange[];
  /** Records of ids that are damaged. */
  readonly damagedIds: number;
}

/** Called with the number of further messages that are done. */
export type CountMessages = (count: number) => void;

/** Bytes of messages that are written, and waited for, at once. */
const writeBytes = 1024 * 1024;

/** Copies a log of the old format into an empty folder: durable when it resolves. */
export async function copyOldLog(
  old: OldLog,
  dir: string,
  count: CountMessages,
): Promise<CopiedOldLog> {
  const { identity, first, head } = old;
  const store = FileStore.create({ dir, identity }, first);
  try {
    await store.startWriting();
    const ids = new IdsInOrder(old.ids());
    const counts = { messages: 0, ids: 0 };
    const lost: LostRange[] = [];
    let commits: StoredCommit[] = [];
    let bytes = 0;
    const write = async () => {
      if (commits.length > 0) {
        await store.write(...commits);
      }
      commits = [];
      bytes = 0;
    };
    for await (const part of old.parts(first - 1)) {
      if ("lost" in part) {
        await write();
        await store.writeGap(part.lost.last);
        lost.push(part.lost);
        continue;
      }
      const { messages } = part;
      const remembered = await ids.through(messages.last);
      commits.push(...commitsOf(messages, remembered));
      counts.messages += messages.count;
      counts.ids += countIds(remembered);
      bytes += messages.bytes.length;
      if (bytes >= writeBytes) {
        await write();
      }
      count(messages.count);
    }
    const rest = await ids.through(Number.POSITIVE_INFINITY);
    commits.push(...rest.map(({ sentAt, ids }) => copyCommit(sentAt, [], ids)));
    counts.ids += countIds(rest);
    await write();
    return { identity, first, head, ...counts, lost, damagedIds: old.damagedIds };
  } finally {
    await store.close();
  }
}

/** Compares a copy with its log, message by message. Rejects if there is any difference. */
export async function checkCopy(
  old: OldLog,
  dir: string,
  { identity, first, head, lost }: CopiedOldLog,
  count: CountMessages,
): Promise<void> {
  const store = await FileStore.open({ dir, identity }, { head });
  try {
    const standing = store?.standing;
    if (store === undefined || standing?.last !== head || standing.firstKept !== first) {
      throw copyDiffers({ dir, what: `it ends with ${standing?.last} in place of ${head}` });
    }
    const copied = store.records(first - 1);
    for await (const part of old.parts(first - 1)) {
      if ("lost" in part) {
        if (!lost.some((range) => range.first === part.lost.first)) {
          throw copyDiffers({ dir, what: `message ${part.lost.first} can no longer be read` });
        }
        continue;
      }
      const { value: record } = await copied.next();
      if (!isSame(part.messages, record)) {
        throw copyDiffers({
          dir,
          what: `messages ${part.messages.first} to ${part.messages.last} differ`,
        });
      }
      count(part.messages.count);
    }
    if (!(await copied.next()).done) {
      throw copyDiffers({ dir, what: "it has more messages" });
    }
    const ids = idsOf(store.ids());
    for await (const { id, sentAt } of idsOf(old.ids())) {
      const { value: other } = await ids.next();
      if (!other || other.sentAt !== sentAt || !isSameId(other.id, id)) {
        throw copyDiffers({ dir, what: `the id of message ${id.sequence} differs` });
      }
    }
  } finally {
    await store?.close();
  }
}

function isSame(a: MessageRecord, b: MessageRecord | undefined): boolean {
  return (
    b !== undefined &&
    a.first === b.first &&
    a.last === b.last &&
    a.count === b.count &&
    a.sentAt === b.sentAt &&
    a.totalBytes === b.totalBytes &&
    Buffer.compare(a.bytes, b.bytes) === 0
  );
}

function isSameId(a: HashedId, b: HashedId): boolean {
  return a.sequence === b.sequence && a.hashed.equals(b.hashed);
}

async function* idsOf(found: AsyncIterable<readonly (IdRecord | undefined)[]>) {
  for await (const records of found) {
    for (const record of records) {
      for (const id of record?.ids ?? []) {
        yield { id, sentAt: record!.sentAt };
      }
    }
  }
}

/** A record of messages with the ids up to it; ids of other commits are written before it. */
function commitsOf(messages: MessageRecord, remembered: readonly IdRecord[]): StoredCommit[] {
  const { first, sentAt } = messages;
  const isOwn = (record: IdRecord) =>
    record.sentAt === sentAt && record.ids.every(({ sequence }) => sequence >= first);
  const before = remembered.filter((record) => !isOwn(record));
  const ids = remembered.filter(isOwn).flatMap((record) => record.ids);
  return [
    ...before.map((record) => copyCommit(record.sentAt, [], record.ids)),
    copyCommit(sentAt, [messages], ids),
  ];
}

function countIds(records: readonly IdRecord[]): number {
  return records.reduce((sum, { ids }) => sum + ids.length, 0);
}

/** The ids in the order of their messages, read along with these. */
class IdsInOrder {
  readonly #records: AsyncGenerator<readonly IdRecord[], void>;
  readonly #next: IdRecord[] = [];

  constructor(records: AsyncGenerator<readonly IdRecord[], void>) {
    this.#records = records;
  }

  /** Those up to a sequence that were not returned before. */
  async through(sequence: number): Promise<IdRecord[]> {
    const found: IdRecord[] = [];
    for (;;) {
      const next = this.#next.shift();
      if (next === undefined) {
        const { done, value } = await this.#records.next();
        if (done) {
          return found;
        }
        this.#next.push(...value);
        continue;
      }
      const { sentAt, ids } = next;
      const end = ids.findIndex((id) => id.sequence > sequence);
      const now = end < 0 ? ids : ids.slice(0, end);
      if (now.length > 0) {
        found.push({ sentAt, ids: now });
      }
      if (end >= 0) {
        this.#next.unshift({ sentAt, ids: ids.slice(end) });
        return found;
      }
    }
  }
}
