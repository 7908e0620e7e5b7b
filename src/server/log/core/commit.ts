import { maxBatchBytes } from "../../encoding/batch.js";
import {
  type CommitFields,
  createCommitFields,
  type NewStoredMessage,
  storedSize,
  writeStored,
} from "../../encoding/stored-message.js";
import { idsItemLength } from "../file/segments/commit-frame.js";
import { itemPrefixLength } from "../file/segments/item.js";
import type { HashedId, MessageRecord } from "./stored-record.js";

/** The unit of writing: either all of it is durable, or none of it is stored. */
export interface Commit {
  /** When the log stored the messages, in milliseconds since 1970. */
  readonly sentAt: number;
  /** Sequence of the last message. */
  readonly last: number;
  /** The messages, consecutive, each record at most 64 KiB or one message. */
  readonly records: readonly MessageRecord[];
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

/** Collects messages, numbers them, and encodes them into one buffer in the end. */
export class CommitBuilder {
  /** Bytes of the messages collected, as they will be stored. */
  bytes = 0;
  readonly #fields: CommitFields;
  readonly #before: number;
  readonly #totalBefore: number;
  readonly #entries: Entry[] = [];
  readonly #ids: HashedId[] = [];
  /** For each record its room, how many messages it has, and their bytes. */
  readonly #records: { readonly room: string; count: number; bytes: number }[] = [];

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
    const record = this.#records.at(-1);
    if (record?.room !== room || record.bytes + size > maxBatchBytes) {
      this.#records.push({ room, count: 1, bytes: size });
    } else {
      record.count++;
      record.bytes += size;
    }
    return sequence;
  }

  /** Encodes the collected messages, of which there is at least one. */
  build(): Commit {
    const { sentAt } = this.#fields;
    // Not from Node's pool: readers keep views of this memory for a while.
    const target = Buffer.allocUnsafeSlow(
      this.#records.reduce((sum, { room }) => sum + itemPrefixLength(room), this.bytes) +
        idsItemLength(this.#ids.length),
    );
    const records: MessageRecord[] = [];
    let at = 0;
    let next = 0;
    let totalBytes = this.#totalBefore;
    for (const { room, count, bytes } of this.#records) {
      const first = this.#before + next + 1;
      at += itemPrefixLength(room);
      const start = at;
      for (const end = next + count; next < end; next++) {
        const entry = this.#entries[next]!;
        at = writeStored(target, at, entry.size, this.#fields, entry);
      }
      totalBytes += bytes;
      const last = first + count - 1;
      const stored = target.subarray(start, at);
      records.push({ room, first, last, count, sentAt, totalBytes, bytes: stored });
    }
    return {
      sentAt,
      last: this.#before + this.#entries.length,
      records,
      frame: target,
      ids: this.#ids,
      totalBytes,
    };
  }
}
