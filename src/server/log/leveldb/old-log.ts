import { cursorLength } from "../../encoding/cursor.js";
import type { IdRecord, MessageRecord } from "../core/stored-record.js";
import type { HeadMark } from "../file/head-file.js";
import { decodeStored } from "../transfer/copied-message.js";
import { foreignHead, unknownForm, unreadableLog } from "./errors.js";
import { LevelFolder } from "./level-folder.js";
import {
  claimedEnd,
  type OldMeta,
  oldFormat,
  oldKeys,
  oldMetaKey,
  readOldIds,
  readOldMessages,
  readOldMeta,
} from "./old-records.js";

/** Messages that are damaged or missing. */
export interface LostRange {
  readonly first: number;
  readonly last: number;
}

/** What follows in the log: messages, or a gap. */
export type OldPart = { readonly messages: MessageRecord } | { readonly lost: LostRange };

/** What is found when a log is opened. */
interface Found {
  readonly identity: string;
  readonly first: number;
  readonly head: number;
  /** Damage that is not in files, for the operator. */
  readonly notes: readonly string[];
}

/**
 * A log of format 1, in a LevelDB folder that no process has open. Nothing is ever written to it.
 */
export class OldLog {
  /** The log's identity, see `MessageLog`. */
  readonly identity: string;
  /** Sequence of the oldest message that is kept; head + 1 if there is none. */
  readonly first: number;
  /** Sequence of the newest message that any record mentions. */
  readonly head: number;
  readonly #level: LevelFolder;
  readonly #notes: readonly string[];
  #damagedIds = 0;

  private constructor(level: LevelFolder, { identity, first, head, notes }: Found) {
    this.identity = identity;
    this.first = first;
    this.head = head;
    this.#level = level;
    this.#notes = notes;
  }

  /**
   * Opens the folder; `head` is the head in its head file, if that can be read. Resolves with
   * undefined if there is no log in it yet.
   *
   * Rejects with `failed_precondition` if it has another format, or belongs to another log than the
   * head file.
   */
  static async open(folder: string, head: HeadMark | undefined): Promise<OldLog | undefined> {
    const level = await LevelFolder.open(folder);
    const meta = await metaOf(level);
    const version = Math.max(meta?.version ?? oldFormat, head?.form ?? oldFormat);
    if (version !== oldFormat) {
      throw unknownForm({ folder, form: version, known: oldFormat });
    }
    if (meta && head && meta.identity !== head.identity) {
      throw foreignHead({ folder, identity: head.identity });
    }
    const oldest = meta === undefined ? await oldestOf(level) : undefined;
    const identity = meta?.identity ?? head?.identity ?? (oldest && identityOf(oldest));
    const isEmpty = meta === undefined && oldest === undefined && (head?.head ?? 0) === 0;
    if (identity === undefined || isEmpty) {
      if (level.damage.length > 0) {
        throw unreadableLog({ folder, damage: level.damage[0]! });
      }
      return undefined;
    }
    const first = meta?.first ?? oldest?.first ?? 1;
    const end = await endOf(level, Math.max(head?.head ?? 0, first - 1));
    const notes =
      meta === undefined
        ? [`${folder} has no metadata: it is unknown whether there were messages before ${first}`]
        : [];
    return new OldLog(level, { identity, first, head: end, notes });
  }

  /** Files of the folder that were found damaged so far, a line each. */
  get damage(): readonly string[] {
    return [...this.#notes, ...this.#level.damage];
  }

  /** Records of ids that were found damaged when they were last read. */
  get damagedIds(): number {
    return this.#damagedIds;
  }

  /** Everything after a sequence up to the head: what is intact, and the gaps. */
  async *parts(after: number): AsyncGenerator<OldPart, void> {
    let next = Math.max(this.first, after + 1);
    const { from, to } = oldKeys("messages", next - 1);
    for await (const { key, value } of this.#level.entries(from, to)) {
      const messages = readOldMessages(key, value);
      if (messages === undefined || !areAsTheySay(messages) || messages.first < next) {
        continue; // It turns out that what it should have in addition is missing.
      }
      if (messages.first > next) {
        yield { lost: { first: next, last: messages.first - 1 } };
      }
      next = messages.last + 1;
      yield { messages };
    }
    if (next <= this.head) {
      yield { lost: { first: next, last: this.head } };
    }
  }

  /**
   * The ids that are remembered, including those of removed messages: those of one commit at a
   * time.
   */
  async *ids(): AsyncGenerator<readonly IdRecord[], void> {
    const { from, to } = oldKeys("ids", 0);
    this.#damagedIds = 0;
    for await (const { value } of this.#level.entries(from, to)) {
      const record = readOldIds(value);
      if (record === undefined) {
        this.#damagedIds++;
      } else {
        yield [record];
      }
    }
  }
}

async function metaOf(level: LevelFolder): Promise<OldMeta | undefined> {
  for await (const { value } of level.entries(oldMetaKey.from, oldMetaKey.to)) {
    return readOldMeta(value);
  }
  return undefined;
}

/** The oldest intact record of messages. */
async function oldestOf(level: LevelFolder): Promise<MessageRecord | undefined> {
  const { from, to } = oldKeys("messages", 0);
  for await (const { key, value } of level.entries(from, to)) {
    const messages = readOldMessages(key, value);
    if (messages !== undefined) {
      return messages;
    }
  }
  return undefined;
}

/** The last field of each message is its cursor, which begins with the identity of the log. */
function identityOf({ bytes }: MessageRecord): string {
  const cursor = Buffer.from(bytes.subarray(-cursorLength));
  return cursor.toString("latin1", 0, cursorLength / 2);
}

/** The furthest sequence that a record claims, damaged or not; `known` if none is beyond that. */
async function endOf(level: LevelFolder, known: number): Promise<number> {
  let end = known;
  const { from, to } = oldKeys("messages", known);
  for await (const { key, value } of level.entries(from, to)) {
    end = Math.max(end, readOldMessages(key, value)?.last ?? claimedEnd(key, value) ?? 0);
  }
  return end;
}

/** Whether the messages of a record are those that its header says. */
function areAsTheySay({ bytes, first, last, count, sentAt }: MessageRecord): boolean {
  try {
    const messages = decodeStored(bytes, []);
    return (
      messages.length === count &&
      last === first + count - 1 &&
      messages.every((message, i) => message.sequence === first + i && message.sentAt === sentAt)
    );
  } catch {
    return false; // thrown by the protobuf reader
  }
}
