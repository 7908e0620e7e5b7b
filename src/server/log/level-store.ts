import { type BatchOperation, ClassicLevel } from "classic-level";
import type { Commit } from "./commit.js";
import { dataLossError, openError } from "./log-errors.js";
import type { Batch } from "./message-log.js";
import {
  claimedSequence,
  type IdRecord,
  idsKey,
  keySequence,
  type MessageRecord,
  type Meta,
  maxSequence,
  messagesKey,
  metaKey,
  openIds,
  openMessages,
  openMeta,
  recordHeaderLength,
  sealIds,
  sealMeta,
} from "./record.js";
import { joinBatches, maxBatchBytes, sliceBatch } from "./stored-message.js";
import { findBadTable } from "./table-check.js";

type Level = ClassicLevel<Buffer, Buffer>;

/** What stands at a key; `record` is undefined if it is damaged. */
export interface FoundRecord {
  readonly key: Buffer;
  readonly record: MessageRecord | undefined;
}

/** What a reader fetches at once, and then has enough: a second fetch would seldom fit. */
const fetchBytes = maxBatchBytes / 2;

/** How long the data of tables is checked before they are opened. */
const tableCheckMs = 40;

/** How far back a damaged end is searched for an intact record. */
const tailLength = 100;

/** Bytes that are fetched at once where many records are looked through. */
const scanBytes = 512 * 1024;

/**
 * The records of a log in a LevelDB folder. It knows how they are found, not what is asked
 * of a log.
 *
 * Only iterators read: `get` asks LevelDB's Bloom filters first, which are not checked, and
 * one flipped bit there makes a record look absent.
 */
export class LevelStore {
  readonly #level: Level;

  private constructor(level: Level) {
    this.#level = level;
  }

  /**
   * Opens the folder, or makes it if `create`. Rejects with `failed_precondition` if
   * another process has it, if it cannot be opened, or if it is damaged.
   *
   * @param checkMs for how long the data of its tables is looked at before
   */
  static async open(folder: string, create: boolean, checkMs = tableCheckMs): Promise<LevelStore> {
    const bad = await findBadTable(folder, checkMs);
    if (bad !== undefined) {
      throw openError(`cannot open the log in ${folder}: ${bad} is damaged`);
    }
    const level: Level = new ClassicLevel(folder, {
      keyEncoding: "buffer",
      valueEncoding: "buffer",
      createIfMissing: create,
      // A flipped bit then damages the record it is in, and not all that share its block.
      compression: false,
    });
    try {
      await level.open();
    } catch (error) {
      const cause = (error as Error).cause ?? error;
      const { code, message } = cause as NodeJS.ErrnoException;
      throw code === "LEVEL_LOCKED"
        ? openError(`the log in ${folder} is in use by another process`, cause)
        : openError(`cannot open the log in ${folder}: ${message.split("\n")[0]}`, cause);
    }
    return new LevelStore(level);
  }

  /** Whether there is nothing at all in it. */
  async isEmpty(): Promise<boolean> {
    return (await this.#level.keys({ limit: 1 }).all()).length === 0;
  }

  /** The metadata; undefined if it is missing or damaged. */
  async readMeta(): Promise<Meta | undefined> {
    const values = await this.#level.values({ gte: metaKey, lte: metaKey }).all();
    return values[0] && openMeta(values[0]);
  }

  /** Writes the metadata and waits for the disk. */
  async writeMeta(meta: Omit<Meta, "version">): Promise<void> {
    await this.#level.put(metaKey, sealMeta(meta), { sync: true });
  }

  /** Writes commits that follow each other, all or nothing, and waits for the disk. */
  async write(...commits: readonly Commit[]): Promise<void> {
    const operations: BatchOperation<Level, Buffer, Buffer>[] = [];
    for (const { records, values, ids, sentAt } of commits) {
      for (let i = 0; i < records.length; i++) {
        operations.push({ type: "put", key: messagesKey(records[i]!.last), value: values[i]! });
      }
      const lastId = ids.at(-1);
      if (lastId !== undefined) {
        operations.push({
          type: "put",
          key: idsKey(lastId.sequence),
          value: sealIds({ sentAt, ids }),
        });
      }
    }
    await this.#level.batch(operations, { sync: true });
  }

  /**
   * Consecutive messages after `after`, no further than `through`, which are all stored: a
   * batch of half its size or more, if there are as many. Rejects with `data_loss` if the next one is damaged or missing.
   */
  async read(after: number, through: number, limit = maxSequence): Promise<Batch> {
    const parts: Batch[] = [];
    let cause: unknown;
    const iterator = this.#level.iterator({
      gt: messagesKey(after),
      lte: messagesKey(maxSequence),
      // One full record, or many small ones: what is fetched beyond a batch is for nothing.
      highWaterMarkBytes: fetchBytes,
    });
    try {
      let room = maxBatchBytes;
      let next = after + 1;
      let more = true;
      while (
        more &&
        room > maxBatchBytes - fetchBytes &&
        next <= through &&
        next - after <= limit
      ) {
        const entries = await iterator.nextv(Math.min(limit, 1000));
        more = entries.length > 0;
        for (const [key, value] of entries) {
          room -= value.length - recordHeaderLength;
          const record = room < 0 && parts.length > 0 ? undefined : openMessages(key, value);
          if (record === undefined || record.first > next) {
            if (parts.length === 0) {
              const end = record === undefined ? keySequence(key) : record.first - 1;
              throw dataLossError(next, Math.min(Math.max(end ?? through, next), through));
            }
            more = false;
            break;
          }
          parts.push(sliceBatch(record, next - 1)!);
          next = record.last + 1;
        }
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "LEVEL_CORRUPTION") {
        throw error;
      }
      cause = error;
    } finally {
      await iterator.close();
    }
    if (parts.length === 0) {
      throw dataLossError(after + 1, through, cause);
    }
    return sliceBatch(joinBatches(parts), after, through, limit)!;
  }

  /**
   * The newest intact record, and the furthest sequence that it or a damaged one after it
   * claims; undefined and 0 if there is none.
   */
  async tail(): Promise<{ record: MessageRecord | undefined; claimed: number }> {
    let claimed = 0;
    for await (const [key, value] of this.#level.iterator({
      gte: messagesKey(0),
      lte: messagesKey(maxSequence),
      reverse: true,
      limit: tailLength,
    })) {
      const record = openMessages(key, value);
      claimed = Math.max(claimed, claimedSequence(key, value) ?? 0);
      if (record !== undefined) {
        return { record, claimed };
      }
    }
    return { record: undefined, claimed };
  }

  /** Some of the oldest records after `after` that end by `through`, oldest first. */
  async oldest(after: number, through: number): Promise<FoundRecord[]> {
    const found: FoundRecord[] = [];
    let bytes = 0;
    for await (const [key, value] of this.#level.iterator({
      gt: messagesKey(after),
      lte: messagesKey(through),
      limit: 1000,
      highWaterMarkBytes: maxBatchBytes,
    })) {
      found.push({ key, record: openMessages(key, value) });
      bytes += value.length;
      if (bytes >= scanBytes) {
        break;
      }
    }
    return found;
  }

  /**
   * Removes records of messages and puts down what is the first one now. It does not wait
   * for the disk: after a crash both are as before, or both are as they should be.
   */
  async remove(keys: readonly Buffer[], meta: Omit<Meta, "version">): Promise<void> {
    await this.#level.batch([
      ...keys.map((key) => ({ type: "del" as const, key })),
      { type: "put", key: metaKey, value: sealMeta(meta) },
    ]);
  }

  /** The records of ids, oldest first, some at a time; undefined stands for a damaged one. */
  async *ids(): AsyncGenerator<(IdRecord | undefined)[]> {
    const iterator = this.#level.values({
      gte: idsKey(0),
      lte: idsKey(maxSequence),
      highWaterMarkBytes: maxBatchBytes,
    });
    try {
      for (;;) {
        const values = await iterator.nextv(1000);
        if (values.length === 0) {
          return;
        }
        yield values.map(openIds);
      }
    } finally {
      await iterator.close();
    }
  }

  /**
   * Removes records of ids from `from` on that end before `before`, some at a time. Returns
   * where to go on, which is `before` when all are gone.
   */
  async removeIds(from: number, before: number): Promise<number> {
    const keys = await this.#level
      .keys({ gte: idsKey(from), lt: idsKey(before), limit: 1000 })
      .all();
    if (keys.length === 0) {
      return before;
    }
    await this.#level.batch(keys.map((key) => ({ type: "del", key })));
    return (keySequence(keys.at(-1)!) ?? before - 1) + 1;
  }

  /** Closes the folder; what is under way is waited for or fails. */
  close(): Promise<void> {
    return this.#level.close();
  }
}
