import { maxBatchBytes } from "../../encoding/batch.js";
import {
  type CommitFields,
  createCommitFields,
  type NewStoredMessage,
  storedSize,
  writeStored,
} from "../../encoding/stored-message.js";
import { idsItemLength } from "../file/segments/commit-frame.js";
import { type FramedItem, itemKind, itemPrefixLength } from "../file/segments/item.js";
import type { HashedId } from "./stored-record.js";

/** The unit of writing: either all of it is durable, or none of it is stored. */
export interface Commit {
  /** When the log stored the messages, in milliseconds since 1970. */
  readonly sentAt: number;
  /** Sequence of the last message. */
  readonly last: number;
  /** The messages, consecutive, each record at most 64 KiB or one message. */
  readonly records: readonly FramedItem[];
  /** The payloads with the room that the engine on files needs: see `StoredCommit`. */
  readonly frame: Buffer;
  /** The ids of those messages that have one. */
  readonly ids: readonly HashedId[];
  /** Bytes of payload that the log has ever stored, including this commit. */
  readonly totalBytes: number;
}

interface Entry extends NewStoredMessage {
  /** As it is stored. */
  readonly size: number;
}

/** A record of the commit that is being collected. */
type NewRecord = { -readonly [Field in keyof FramedItem]: FramedItem[Field] };

/** Collects messages, numbers them, and encodes them into one buffer in the end. */
export class CommitBuilder {
  /** Bytes of the messages collected, as they will be stored. */
  bytes = 0;
  readonly #fields: CommitFields;
  readonly #before: number;
  readonly #totalBefore: number;
  readonly #entries: Entry[] = [];
  readonly #ids: HashedId[] = [];
  readonly #records: NewRecord[] = [];

  /**
   * @param before the sequence before the commit
   * @param totalBefore bytes of payload that the log stored before
   */
  constructor(identity: string, sentAt: number, before: number, totalBefore: number) {
    this.#fields = createCommitFields(identity, sentAt);
    this.#before = before;
    this.#totalBefore = totalBefore;
  }

  /** The number of collected messages. */
  get count(): number {
    return this.#entries.length;
  }

  /**
   * Adds a message and returns its sequence.
   *
   * @param hashed its id; undefined if it has none
   * @param textBytes length of its text in UTF-8
   */
  add(
    text: string,
    sender: string,
    hashed: Buffer | undefined,
    room = "",
    textBytes = Buffer.byteLength(text),
  ): number {
    const sequence = this.#before + this.#entries.length + 1;
    const senderBytes = Buffer.byteLength(sender);
    const size = storedSize(this.#fields, textBytes, senderBytes, sequence, room);
    this.#entries.push({ text, textBytes, sender, senderBytes, room, sequence, size });
    this.bytes += size;
    if (hashed !== undefined) {
      this.#ids.push({ hashed, sequence });
    }
    const totalBytes = this.#totalBefore + this.bytes;
    const record = this.#records.at(-1);
    if (record?.room !== room || record.end - record.start + size > maxBatchBytes) {
      const start = (record?.end ?? 0) + itemPrefixLength(room);
      this.#records.push({
        kind: itemKind.messages,
        room,
        first: sequence,
        last: sequence,
        count: 1,
        sentAt: this.#fields.sentAt,
        totalBytes,
        start,
        end: start + size,
      });
    } else {
      record.last = sequence;
      record.count++;
      record.totalBytes = totalBytes;
      record.end += size;
    }
    return sequence;
  }

  /** Encodes the collected messages, of which there is at least one. */
  build(): Commit {
    const records = this.#records;
    // Not from Node's pool: readers keep views of this memory for a while.
    const frame = Buffer.allocUnsafeSlow(records.at(-1)!.end + idsItemLength(this.#ids.length));
    let next = 0;
    for (const { start, count } of records) {
      let at = start;
      for (const end = next + count; next < end; next++) {
        const entry = this.#entries[next]!;
        at = writeStored(frame, at, entry.size, this.#fields, entry);
      }
    }
    return {
      sentAt: this.#fields.sentAt,
      last: this.#before + this.#entries.length,
      records,
      frame,
      ids: this.#ids,
      totalBytes: this.#totalBefore + this.bytes,
    };
  }
}
