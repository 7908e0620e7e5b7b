import { joinBatches, maxBatchBytes, sliceBatch } from "../../encoding/batch.js";
import { RoomSelection } from "../../rooms/room-selection.js";
import { mergeSorted } from "../../util/merge-sorted.js";
import type { Batch } from "../message-log.js";
import { RecordList } from "./record-list.js";
import { SharedBatches } from "./shared-batches.js";
import type { RecordFields } from "./stored-record.js";
import { TailRecords } from "./tail-records.js";

/**
 * How many records of other rooms are skipped for each name that is selected: to look up a name
 * costs about as much.
 */
const scansPerName = 4;

/** Approximate size of the list of a room, in bytes. */
const roomCost = 320;

/**
 * Bytes that are dropped between two looks at the shared batches: those of dropped records hold
 * their buffers, and a look costs time for each batch.
 */
const bytesPerLook = 1024 * 1024;

/**
 * The result of counting back: the sequence before the messages, or how many are still to be found.
 */
export type Back = { readonly before: number } | { readonly left: number };

/** Which of the cached messages to read. */
export interface TailRead {
  /** The last sequence to read. Default: the head. */
  readonly through?: number | undefined;
  /** Maximum number of messages. Default: as many as fit into a batch. */
  readonly limit?: number | undefined;
  /** Default: all. */
  readonly rooms?: RoomSelection | undefined;
}

/**
 * The newest messages of a log, in memory, in the order of the log and by room, with the batches
 * that readers have got.
 */
export class TailCache {
  readonly #maxBytes: number;
  readonly #records = new TailRecords<RecordList>();
  readonly #all = new RecordList(this.#records, "");
  /** The cached records of each room. */
  readonly #byRoom = new Map<string, RecordList>();
  readonly #shared = new SharedBatches();
  /** Size of the lists of the rooms, besides the numbers in them, in bytes. */
  #roomBytes = 0;
  /** Bytes that were dropped since the last look at the shared batches. */
  #dropped = 0;
  #head: number;

  /**
   * Caches about `maxBytes`, beginning after `head`: messages, in whole buffers, and what it takes
   * to find them. The newest record is kept in any case.
   */
  constructor(maxBytes: number, head: number) {
    this.#maxBytes = maxBytes;
    this.#head = head;
  }

  /** Sequence of the newest message. */
  get head(): number {
    return this.#head;
  }

  /** Sequence of the oldest cached message; head + 1 if there is none. */
  get first(): number {
    return this.#records.length > 0 ? this.#records.first(this.#records.oldest) : this.#head + 1;
  }

  /** The oldest cached record. */
  get oldest(): Pick<RecordFields, "last" | "sentAt" | "totalBytes"> | undefined {
    return this.#fields(this.#all.oldest);
  }

  /** Approximate size in memory, in bytes, besides the batches of several records. */
  get bytes(): number {
    return this.#records.bytes + this.#roomBytes;
  }

  /** The cached records of each room; rooms without any are absent. */
  get byRoom(): ReadonlyMap<string, RecordList> {
    return this.#byRoom;
  }

  /** The newest cached record of a room. */
  newestOf(room: string): Pick<RecordFields, "last" | "sentAt" | "totalBytes"> | undefined {
    return this.#fields(this.#byRoom.get(room)?.newest);
  }

  /**
   * Adds a record that follows the head.
   *
   * @param buffer has its messages, from `start` to `end`; several records may share it
   */
  add(record: RecordFields, buffer: Uint8Array, start = 0, end = buffer.length): void {
    const records = this.#records;
    const list = this.#byRoom.get(record.room) ?? this.#addRoom(record.room);
    const number = records.add(record, buffer, start, end, list);
    list.add(number);
    this.#all.add(number);
    this.#head = record.last;
    while (this.bytes > this.#maxBytes && records.length > 1) {
      this.#dropOldest();
    }
  }

  /** Removes records that end before `first`. */
  dropBefore(first: number): void {
    const records = this.#records;
    while (records.length > 0 && records.last(records.oldest) < first) {
      this.#dropOldest();
    }
  }

  /** The message with a sequence, if it is cached. */
  find(sequence: number): Batch | undefined {
    const [number] = sequence < this.first ? [] : this.#all.after(sequence - 1);
    return number === undefined
      ? undefined
      : sliceBatch(this.#records.batch(number), sequence - 1, sequence);
  }

  /**
   * The selected messages after `after`, which is cached; undefined if there are none. Readers at
   * the same position of the same rooms get the same object.
   */
  read(after: number, { through, limit, rooms }: TailRead = {}): Batch | undefined {
    const batch = this.#next(after, rooms ?? RoomSelection.all);
    return batch && sliceBatch(batch, after, through, limit);
  }

  /**
   * Counts back from the head over `count` messages of some rooms. Returns the sequence before
   * them, or how many are still to be found.
   */
  back(count: number, rooms: RoomSelection): Back {
    const records = this.#records;
    let left = count;
    for (const number of this.#newestFirst(rooms)) {
      const found = records.count(number);
      if (found >= left) {
        const first = records.first(number);
        const skipped = sliceBatch(records.batch(number), first - 1, undefined, found - left);
        return { before: skipped?.last ?? first - 1 };
      }
      left -= found;
    }
    return { left };
  }

  #fields(number: number | undefined) {
    const records = this.#records;
    return number === undefined
      ? undefined
      : {
          last: records.last(number),
          sentAt: records.sentAt(number),
          totalBytes: records.totalBytes(number),
        };
  }

  /** The selected records, the newest first. */
  *#newestFirst(rooms: RoomSelection): Generator<number> {
    const list = this.#listOf(rooms);
    if (list) {
      yield* list.newestFirst();
      return;
    }
    for (const number of this.#all.newestFirst()) {
      if (rooms.has(this.#records.listOf(number).room)) {
        yield number;
      }
    }
  }

  #next(after: number, rooms: RoomSelection): Batch | undefined {
    const list = this.#listOf(rooms);
    return list ? list.read(after, this.#shared, rooms.key) : this.#select(after, rooms);
  }

  /** The list that has exactly the selected records, if there is one. */
  #listOf(rooms: RoomSelection): RecordList | undefined {
    if (rooms.isAll) {
      return this.#all;
    }
    const { single } = rooms;
    return single === undefined
      ? undefined
      : (this.#byRoom.get(single) ?? new RecordList(this.#records, single));
  }

  /** The selected messages of several rooms. */
  #select(after: number, rooms: RoomSelection): Batch | undefined {
    const made = this.#shared.get(after, rooms.key, this.#head);
    if (made !== undefined) {
      return made;
    }
    const parts: Batch[] = [];
    let bytes = 0;
    let isWhole = true;
    for (const number of this.#selected(after, rooms)) {
      bytes += this.#records.size(number);
      if (parts.length > 0 && bytes > maxBatchBytes) {
        isWhole = false;
        break;
      }
      parts.push(sliceBatch(this.#records.batch(number), after)!);
    }
    if (parts.length === 0) {
      return undefined;
    }
    const batch = joinBatches(parts);
    return this.#shared.add(after, rooms.key, batch, isWhole ? this.#head : batch.last);
  }

  /**
   * The records of several rooms that have messages after a sequence, in order: from those of all
   * rooms, as long as that does not take longer than to look up the names.
   */
  *#selected(after: number, rooms: RoomSelection): Generator<number> {
    const records = this.#records;
    const { names, prefixes } = rooms;
    let left = prefixes.size > 0 ? Number.POSITIVE_INFINITY : scansPerName * names.size;
    for (const number of this.#all.after(after)) {
      if (rooms.has(records.listOf(number).room)) {
        yield number;
      } else if (--left === 0) {
        yield* this.#ofNames(names, records.last(number));
        return;
      }
    }
  }

  /** The records of rooms after a sequence, in order, without those of other rooms. */
  #ofNames(names: Iterable<string>, after: number): Iterable<number> {
    const sources: Iterator<number>[] = [];
    for (const name of names) {
      const list = this.#byRoom.get(name);
      if (list !== undefined) {
        sources.push(list.after(after));
      }
    }
    return mergeSorted(sources, (number) => number);
  }

  #addRoom(room: string): RecordList {
    const list = new RecordList(this.#records, room);
    this.#byRoom.set(room, list);
    this.#roomBytes += roomCost + room.length;
    return list;
  }

  #dropOldest(): void {
    const { bytes } = this;
    const list = this.#records.listOf(this.#records.oldest);
    list.dropOldest();
    if (list.oldest === undefined) {
      this.#byRoom.delete(list.room);
      this.#roomBytes -= roomCost + list.room.length;
    }
    this.#all.dropOldest();
    this.#records.dropOldest();
    this.#dropped += bytes - this.bytes;
    if (this.#dropped >= bytesPerLook) {
      this.#dropped = 0;
      this.#shared.dropBefore(this.first - 1);
    }
  }
}
