import { hash } from "node:crypto";
import { lowerBound } from "../../util/lower-bound.js";
import type { StoredId } from "../message-log.js";

/** How long, and how many, ids of messages are remembered. */
export interface DedupeOptions {
  /** For how many milliseconds after a message its id is remembered. Default 600,000. */
  readonly windowMs?: number;
  /** How many ids are remembered at most; beyond, the oldest is forgotten. Default 1,000,000. */
  readonly maxIds?: number;
}

/** Bytes of the hash of a sender and an id. */
export const idHashBytes = 16;
/** Bytes of the hash of a text. */
export const textHashBytes = 8;

/** Words of an entry: four of the id's hash, two of the text's. */
const entryWords = (idHashBytes + textHashBytes) / 4;
const idWords = idHashBytes / 4;

/** What the window knows of an id: where and when its message was stored, and its text. */
export interface KnownId {
  readonly sequence: number;
  /** In milliseconds since 1970. */
  readonly sentAt: number;
  /** Whether the text is the one that was asked for. */
  readonly sameText: boolean;
}

/**
 * An id and a message as the window compares them: two hashes in one buffer, the id's first.
 *
 * The hash is cryptographic, so that nobody can make an id that stands for another one's.
 * The length of the sender comes first, so that a sender and an id cannot be cut elsewhere.
 */
export function hashId(sender: string, messageId: string, text: string, room = ""): Buffer {
  const target = Buffer.allocUnsafe(idHashBytes + textHashBytes);
  // "binary" is the cheapest form in which OpenSSL returns a short digest.
  const id = hash("sha256", `${sender.length}:${sender}${messageId}`, "binary");
  target.write(id, 0, idHashBytes, "binary");
  writeTextHash(target, text, room);
  return target;
}

/** The same for an id of which only the hash is known, the first part of what `hashId` returned. */
export function joinHashes(idHash: Uint8Array, text: string, room = ""): Buffer {
  const target = Buffer.allocUnsafe(idHashBytes + textHashBytes);
  target.set(idHash);
  writeTextHash(target, text, room);
  return target;
}

/**
 * The room counts as a part of the text: the same id in another room is another message. In `main`
 * a text may have any form, so the hash of another room's has its bits inverted.
 */
function writeTextHash(target: Buffer, text: string, room: string): void {
  const message = room === "" ? text : `${room}\n${text}`;
  target.write(hash("sha256", message, "binary"), idHashBytes, textHashBytes, "binary");
  if (room !== "") {
    for (let i = idHashBytes; i < target.length; i++) {
      target[i] = ~target[i]!;
    }
  }
}

/**
 * The ids of the newest messages, in the order of their messages.
 *
 * Entries lie in a ring, oldest first; an open-addressed table finds them by hash. Both
 * have their full size from the first id on: the operating system gives memory only where it is
 * touched, and no growing ever stops the event loop. 1,000,000 ids take 48 MB.
 */
export class DedupeWindow {
  /** For how many milliseconds an id is remembered. */
  readonly windowMs: number;
  /** How many ids are remembered at most. */
  readonly capacity: number;
  #hashes = new Uint32Array(0);
  #sequences = new Float64Array(0);
  #times = new Float64Array(0);
  /** Slot + 1 of an entry, at the place that its hash says or the next free one; 0: free. */
  #table = new Int32Array(1);
  #mask = 0;
  #oldest = 0;
  #count = 0;

  constructor(options: DedupeOptions = {}) {
    this.windowMs = options.windowMs ?? 600_000;
    this.capacity = Math.max(1, options.maxIds ?? 1_000_000);
  }

  /** How many ids are held, including those that are too old but not yet dropped. */
  get size(): number {
    return this.#count;
  }

  /** Sequence of the oldest id held; undefined if there is none. */
  get oldestSequence(): number | undefined {
    return this.#count > 0 ? this.#sequences[this.#oldest] : undefined;
  }

  /** The time before which ids no longer count, seen from `now`. */
  horizon(now: number): number {
    return now - this.windowMs;
  }

  /** Looks up an id (see `hashId`) as of `now`. */
  find(hashed: Buffer, now: number): KnownId | undefined {
    const slot = this.#table[this.#place(hashed)]! - 1;
    if (slot < 0 || this.#times[slot]! < this.horizon(now)) {
      return undefined;
    }
    const at = slot * entryWords;
    return {
      sequence: this.#sequences[slot]!,
      sentAt: this.#times[slot]!,
      sameText:
        this.#hashes[at + idWords] === hashed.readUInt32LE(idHashBytes) &&
        this.#hashes[at + idWords + 1] === hashed.readUInt32LE(idHashBytes + 4),
    };
  }

  /** Remembers the id of a message; sequences and times never go down from call to call. */
  add(hashed: Buffer, sequence: number, sentAt: number): void {
    if (this.#hashes.length === 0) {
      this.#allocate();
    } else if (this.#count === this.capacity) {
      this.#dropOldest();
    }
    const slot = (this.#oldest + this.#count) % this.capacity;
    this.#count++;
    for (let i = 0; i < entryWords; i++) {
      this.#hashes[slot * entryWords + i] = hashed.readUInt32LE(i * 4);
    }
    this.#sequences[slot] = sequence;
    this.#times[slot] = sentAt;
    // The same id may be there, too old to count: the new entry takes its place.
    this.#table[this.#place(hashed)] = slot + 1;
  }

  /** The ids of the messages after `after` up to `through`, in their order. */
  between(after: number, through: number): StoredId[] {
    const low = lowerBound(
      0,
      this.#count,
      (i) => this.#sequences[(this.#oldest + i) % this.capacity]! > after,
    );
    const found: StoredId[] = [];
    for (let i = low; i < this.#count; i++) {
      const slot = (this.#oldest + i) % this.capacity;
      const sequence = this.#sequences[slot]!;
      if (sequence > through) {
        break;
      }
      const hash = Buffer.allocUnsafe(idHashBytes);
      for (let word = 0; word < idWords; word++) {
        hash.writeUInt32LE(this.#hashes[slot * entryWords + word]!, word * 4);
      }
      found.push({ sequence, hash });
    }
    return found;
  }

  /** Drops ids that are too old at `now`, at most `limit` of them. */
  expire(now: number, limit: number): void {
    const horizon = this.horizon(now);
    for (let i = 0; i < limit && this.#count > 0; i++) {
      if (this.#times[this.#oldest]! >= horizon) {
        return;
      }
      this.#dropOldest();
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#table.fill(0);
    this.#oldest = 0;
    this.#count = 0;
  }

  /** Not before the first id: V8 counts these bytes, and collects garbage for them. */
  #allocate(): void {
    this.#hashes = new Uint32Array(this.capacity * entryWords);
    this.#sequences = new Float64Array(this.capacity);
    this.#times = new Float64Array(this.capacity);
    const places = 2 ** Math.ceil(Math.log2(this.capacity * 2));
    this.#table = new Int32Array(places);
    this.#mask = places - 1;
  }

  /** The place in the table where an id is, or else where it would be. */
  #place(hashed: Buffer): number {
    const word0 = hashed.readUInt32LE(0);
    const word1 = hashed.readUInt32LE(4);
    const word2 = hashed.readUInt32LE(8);
    const word3 = hashed.readUInt32LE(12);
    let place = word0 & this.#mask;
    for (;;) {
      const slot = this.#table[place]! - 1;
      if (slot < 0) {
        return place;
      }
      const at = slot * entryWords;
      if (
        this.#hashes[at] === word0 &&
        this.#hashes[at + 1] === word1 &&
        this.#hashes[at + 2] === word2 &&
        this.#hashes[at + 3] === word3
      ) {
        return place;
      }
      place = (place + 1) & this.#mask;
    }
  }

  #dropOldest(): void {
    const slot = this.#oldest;
    this.#oldest = (slot + 1) % this.capacity;
    this.#count--;
    const mask = this.#mask;
    let place = this.#hashes[slot * entryWords]! & mask;
    while (this.#table[place] !== slot + 1) {
      if (this.#table[place] === 0) {
        return; // a newer entry of the same id took the place, and is gone since
      }
      place = (place + 1) & mask;
    }
    // Close the gap: move back what probing would no longer find beyond it.
    let hole = place;
    for (let next = (hole + 1) & mask; this.#table[next] !== 0; next = (next + 1) & mask) {
      const home = this.#hashes[(this.#table[next]! - 1) * entryWords]! & mask;
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        this.#table[hole] = this.#table[next]!;
        hole = next;
      }
    }
    this.#table[hole] = 0;
  }
}
