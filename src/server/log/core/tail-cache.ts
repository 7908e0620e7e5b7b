import { joinBatches, maxBatchBytes, sliceBatch } from "../../encoding/batch.js";
import { RoomSelection } from "../../rooms/room-selection.js";
import { mergeSorted } from "../../util/merge-sorted.js";
import type { Batch } from "../message-log.js";
import { RecordList } from "./record-list.js";
import { SharedBatches } from "./shared-batches.js";
import type { MessageRecord } from "./stored-record.js";

/**
 * How many records of other rooms are skipped for each name that is selected: to look up a name
 * costs about as much.
 */
const scansPerName = 4;

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
  readonly #all = new RecordList();
  /** The cached records of each room. */
  readonly #byRoom = new Map<string, RecordList>();
  readonly #shared = new SharedBatches();
  #bytes = 0;
  #head: number;

  /** Caches about `maxBytes` of messages, beginning after `head`. */
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
    return this.#all.oldest?.first ?? this.#head + 1;
  }

  /** The oldest cached record. */
  get oldest(): MessageRecord | undefined {
    return this.#all.oldest;
  }

  /** The cached records of each room; rooms without any are absent. */
  get byRoom(): ReadonlyMap<string, RecordList> {
    return this.#byRoom;
  }

  /** Adds a record that follows the head. */
  add(record: MessageRecord): void {
    const room = this.#byRoom.get(record.room);
    if (room === undefined) {
      const list = new RecordList();
      list.add(record);
      this.#byRoom.set(record.room, list);
    } else {
      room.add(record);
    }
    this.#all.add(record);
    this.#bytes += record.bytes.length;
    this.#head = record.last;
    while (this.#bytes > this.#maxBytes && this.#all.oldest !== record) {
      this.#dropOldest();
    }
  }

  /** Removes records that end before `first`. */
  dropBefore(first: number): void {
    while (this.#all.oldest !== undefined && this.#all.oldest.last < first) {
      this.#dropOldest();
    }
  }

  /** The message with a sequence, if it is cached. */
  find(sequence: number): Batch | undefined {
    const [record] = sequence < this.first ? [] : this.#all.after(sequence - 1);
    return record && sliceBatch(record, sequence - 1, sequence);
  }

  /**
   * The selected messages after `after`, which is cached; undefined if there are none. Readers at
   * the same position of the same rooms get the same object.
   */
  read(after: number, { through, limit, rooms }: TailRead = {}): Batch | undefined {
    const batch = this.#next(after, rooms ?? RoomSelection.all);
    return batch && sliceBatch(batch, after, through, limit);
  }

  /** The selected records after a sequence, the newest first. */
  *newestFirst(rooms: RoomSelection): Generator<MessageRecord> {
    const list = this.#listOf(rooms);
    if (list) {
      yield* list.newestFirst();
      return;
    }
    for (const record of this.#all.newestFirst()) {
      if (rooms.has(record.room)) {
        yield record;
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
    return single === undefined ? undefined : (this.#byRoom.get(single) ?? new RecordList());
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
    for (const record of this.#selected(after, rooms)) {
      bytes += record.bytes.length;
      if (parts.length > 0 && bytes > maxBatchBytes) {
        isWhole = false;
        break;
      }
      parts.push(sliceBatch(record, after)!);
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
  *#selected(after: number, rooms: RoomSelection): Generator<MessageRecord> {
    const { names, prefixes } = rooms;
    let left = prefixes.size > 0 ? Number.POSITIVE_INFINITY : scansPerName * names.size;
    for (const record of this.#all.after(after)) {
      if (rooms.has(record.room)) {
        yield record;
      } else if (--left === 0) {
        yield* this.#ofNames(names, record.last);
        return;
      }
    }
  }

  /** The records of rooms after a sequence, in order, without those of other rooms. */
  #ofNames(names: Iterable<string>, after: number): Iterable<MessageRecord> {
    const sources: Iterator<MessageRecord>[] = [];
    for (const name of names) {
      const list = this.#byRoom.get(name);
      if (list !== undefined) {
        sources.push(list.after(after));
      }
    }
    return mergeSorted(sources, ({ first }) => first);
  }

  #dropOldest(): void {
    const { room, bytes } = this.#all.dropOldest();
    const list = this.#byRoom.get(room)!;
    list.dropOldest();
    if (list.oldest === undefined) {
      this.#byRoom.delete(room);
    }
    this.#bytes -= bytes.length;
  }
}
