import { type HashedId, type MessageRecord, recordHeaderLength, sealMessages } from "./record.js";
import {
  createStamp,
  maxBatchBytes,
  type Stamp,
  storedSize,
  writeStored,
} from "./stored-message.js";

/** What is written at once: it is all durable, or none of it is there. */
export interface Commit {
  /** When the log took the messages, in milliseconds since 1970. */
  readonly sentAt: number;
  /** Sequence of the last message. */
  readonly last: number;
  /** The messages, consecutive, each record at most 64 KiB or one message. */
  readonly records: readonly MessageRecord[];
  /** For each record its header and payload, as they are stored. */
  readonly values: readonly Buffer[];
  /** The ids of those messages that have one. */
  readonly ids: readonly HashedId[];
  /** Bytes of payload that the log ever took, this commit's among them. */
  readonly totalBytes: number;
}

interface Entry {
  readonly text: string;
  readonly textBytes: number;
  readonly sender: string;
  readonly senderBytes: number;
  /** As it is stored. */
  readonly size: number;
}

/** Gathers messages, numbers them, and encodes them into one buffer in the end. */
export class CommitBuilder {
  /** Bytes of the messages gathered, as they will be stored. */
  bytes = 0;
  readonly #stamp: Stamp;
  readonly #before: number;
  readonly #totalBefore: number;
  readonly #entries: Entry[] = [];
  readonly #ids: HashedId[] = [];
  /** For each record how many messages it has, and their bytes. */
  readonly #records: { count: number; bytes: number }[] = [];

  /** `before` is the sequence before the commit, `totalBefore` the bytes that the log took. */
  constructor(identity: string, sentAt: number, before: number, totalBefore: number) {
    this.#stamp = createStamp(identity, sentAt);
    this.#before = before;
    this.#totalBefore = totalBefore;
  }

  /** How many messages were gathered. */
  get count(): number {
    return this.#entries.length;
  }

  /** Takes a message and says which sequence it gets. */
  add(text: string, sender: string, hashed: Buffer | undefined): number {
    const sequence = this.#before + this.#entries.length + 1;
    const textBytes = Buffer.byteLength(text);
    const senderBytes = Buffer.byteLength(sender);
    const size = storedSize(this.#stamp, textBytes, senderBytes, sequence);
    this.#entries.push({ text, textBytes, sender, senderBytes, size });
    this.bytes += size;
    if (hashed !== undefined) {
      this.#ids.push({ hashed, sequence });
    }
    const record = this.#records.at(-1);
    if (record === undefined || record.bytes + size > maxBatchBytes) {
      this.#records.push({ count: 1, bytes: size });
    } else {
      record.count++;
      record.bytes += size;
    }
    return sequence;
  }

  /** Encodes what was gathered, at least one message. */
  build(): Commit {
    const { sentAt } = this.#stamp;
    // Not from Node's pool: readers hold views of this memory for a while.
    const target = Buffer.allocUnsafeSlow(this.bytes + this.#records.length * recordHeaderLength);
    const records: MessageRecord[] = [];
    const values: Buffer[] = [];
    let at = 0;
    let next = 0;
    let totalBytes = this.#totalBefore;
    for (const { count, bytes } of this.#records) {
      const start = at;
      const first = this.#before + next + 1;
      at += recordHeaderLength;
      for (const end = next + count; next < end; next++) {
        const { text, textBytes, sender, senderBytes, size } = this.#entries[next]!;
        const sequence = this.#before + next + 1;
        at = writeStored(
          target,
          at,
          size,
          this.#stamp,
          text,
          textBytes,
          sender,
          senderBytes,
          sequence,
        );
      }
      totalBytes += bytes;
      const value = target.subarray(start, at);
      const record = { first, last: first + count - 1, count, sentAt, totalBytes };
      sealMessages(value, record);
      values.push(value);
      records.push({ ...record, bytes: value.subarray(recordHeaderLength) });
    }
    return {
      sentAt,
      last: this.#before + this.#entries.length,
      records,
      values,
      ids: this.#ids,
      totalBytes,
    };
  }
}
