import { type Batch, maxBatchBytes } from "../../../../encoding/batch.js";
import type { RoomSelection } from "../../../../rooms/room-selection.js";
import { lowerBound } from "../../../../util/lower-bound.js";
import { maxSequence } from "../../../core/stored-record.js";
import { dataLossError } from "../../../errors.js";
import type { BatchReader } from "../batch-reader.js";
import { itemKind, recordPayload } from "../item.js";
import type { Segment } from "../segment.js";
import type { SegmentSet } from "../segment-set.js";
import { BatchParts } from "./batch-parts.js";
import { Plans } from "./plans.js";
import type { PostingList } from "./posting-list.js";
import type { RoomIndex } from "./room-index.js";

/** How long a read works before it yields to other reads, in milliseconds. */
const pieceMs = 8;

/** Two records are fetched by one read if no more than this many bytes lie between them. */
const gapBytes = 32 * 1024;

/** Maximum number of bytes that are fetched at once. */
const fetchBytes = 512 * 1024;

/** Bytes that are fetched for a record of unknown length. */
const recordBytes = 4096;

/** A record may be shorter than the distance to the next one: this much is assumed at most. */
const smallBytes = 1024;

/** If more bytes than this are fetched for each record, the records are copied. */
const sparseBytes = 8192;

/** The result of one step of a read. */
export interface RoomPiece {
  /** Undefined: the rooms have no messages up to `through`. */
  readonly batch: Batch | undefined;
  /** The read continues after this sequence. */
  readonly through: number;
}

/** Reads the messages of some rooms from the segments of a log. */
export class RoomReader {
  readonly #segments: SegmentSet;
  readonly #index: RoomIndex;
  readonly #plans: Plans;
  readonly #batches: BatchReader;

  constructor(segments: SegmentSet, index: RoomIndex, batches: BatchReader) {
    this.#segments = segments;
    this.#index = index;
    this.#plans = new Plans(segments, index);
    this.#batches = batches;
  }

  /**
   * The next messages of some rooms after a sequence and up to `through`, as many as one step
   * finds. Rejects with `data_loss` if the next messages are, or may be, damaged or missing.
   */
  read(
    after: number,
    through: number,
    rooms: RoomSelection,
    limit = maxSequence,
  ): Promise<RoomPiece> {
    return this.#index.query(() => this.#read(after, through, rooms, limit));
  }

  async #read(
    after: number,
    through: number,
    rooms: RoomSelection,
    limit: number,
  ): Promise<RoomPiece> {
    const begun = performance.now();
    const parts = new BatchParts(limit);
    let at = after;
    while (at < through && !parts.isFull && performance.now() - begun < pieceMs) {
      const all = this.#segments.all.slice();
      const place = placeOf(all, at + 1);
      const segment = all[place];
      if (segment === undefined) {
        const last = Math.min(through, (all[0]?.first ?? through + 1) - 1);
        throw dataLossError({ first: at + 1, last });
      }
      const end = Math.min(through, (all[place + 1]?.first ?? through + 1) - 1);
      const plan = await this.#plans.of(segment, rooms, at);
      if (plan.kind === "none") {
        const next = await this.#plans.nextWith(rooms, all, place + 1);
        at = Math.max(end, Math.min(through, (all[next]?.first ?? through + 1) - 1));
        continue;
      }
      if (plan.kind === "all") {
        if (parts.isEmpty) {
          const batch = await this.#batches.read(at, end, limit);
          return { batch, through: batch.last };
        }
        break;
      }
      const reached =
        plan.kind === "list"
          ? await this.#gather(segment, plan.list, at, Math.min(end, plan.through), parts, begun)
          : await this.#scan(segment, rooms, at, end, parts, begun);
      at = reached.through;
      if (reached.isCut) {
        break;
      }
    }
    return { batch: parts.join(), through: at };
  }

  /** Reads the records of a list. */
  async #gather(
    segment: Segment,
    list: PostingList,
    after: number,
    end: number,
    parts: BatchParts,
    begun: number,
  ): Promise<{ readonly through: number; readonly isCut: boolean }> {
    let through = after;
    for (let i = list.indexAfter(after); i < list.length && list.first(i) <= end; ) {
      if (parts.isFull || (!parts.isEmpty && performance.now() - begun > pieceMs)) {
        return { through, isCut: true };
      }
      const isLost = list.isLost(i);
      const next = isLost ? i + 1 : spanEnd(list, i, end, parts.left);
      const from = list.position(i);
      const span = list.position(next - 1) - from + recordBytes;
      const length = Math.min(span, segment.end - from);
      const chunk = isLost ? undefined : await this.#segments.files.read(segment, from, length);
      // Views would keep all fetched bytes in memory until the batch is assembled.
      const isSparse = length > sparseBytes * (next - i);
      for (; i < next; i++) {
        const place = list.position(i) - from;
        let payload = chunk && recordPayload(chunk, place, segment.salt, list.last(i));
        if (typeof payload === "number") {
          const whole = await this.#segments.files.read(segment, list.position(i), payload);
          payload = recordPayload(whole, 0, segment.salt, list.last(i));
        }
        if (typeof payload !== "object") {
          if (parts.isEmpty) {
            const first = Math.max(after + 1, list.first(i));
            throw dataLossError({ first, last: Math.min(list.last(i), end) });
          }
          return { through, isCut: true };
        }
        const [first, last, count] = [list.first(i), list.last(i), list.count(i)];
        const bytes = isSparse ? Buffer.from(payload) : payload;
        if (!parts.add({ first, last, count, bytes }, after, end)) {
          return { through: Math.max(through, parts.last), isCut: true };
        }
        through = Math.min(last, end);
      }
    }
    return { through: end, isCut: false };
  }

  /** Scans the records of a segment, skipping those of other rooms. */
  async #scan(
    segment: Segment,
    rooms: RoomSelection,
    after: number,
    end: number,
    parts: BatchParts,
    begun: number,
  ): Promise<{ readonly through: number; readonly isCut: boolean }> {
    const from = (await this.#segments.indexOf(segment)).find(after + 1);
    const reader = this.#segments.reader(segment, { from, fetchBytes });
    let next = after + 1;
    const lost = (last: number) => {
      if (parts.isEmpty) {
        throw dataLossError({ first: next, last: Math.min(last, end) });
      }
      return { through: next - 1, isCut: true };
    };
    while (next <= end) {
      const stepping = reader.step();
      if (typeof stepping !== "string" && next > after + 1) {
        if (parts.isFull || performance.now() - begun > pieceMs) {
          await stepping;
          return { through: next - 1, isCut: true };
        }
      }
      const step = typeof stepping === "string" ? stepping : await stepping;
      if (step === "end") {
        return lost(end);
      }
      if (step === "damage" || reader.item.last < next) {
        continue;
      }
      const { kind, room, first, last, count } = reader.item;
      if (kind !== itemKind.messages && kind !== itemKind.gap) {
        continue;
      }
      if (first > next) {
        return lost(first - 1);
      }
      if (kind === itemKind.gap) {
        return lost(last);
      }
      if (rooms.has(room)) {
        const bytes = reader.payload;
        if (bytes === undefined) {
          return lost(last);
        }
        if (!parts.add({ first, last, count, bytes: Buffer.from(bytes) }, next - 1, end)) {
          return { through: Math.max(next - 1, parts.last), isCut: true };
        }
      }
      next = last + 1;
    }
    return { through: end, isCut: false };
  }
}

/** The index in a list of the segment that has a sequence; -1 if all segments begin after it. */
export function placeOf(segments: readonly Segment[], sequence: number): number {
  return lowerBound(0, segments.length, (i) => segments[i]!.first > sequence) - 1;
}

/**
 * The index after the last record that is fetched together with this one: no more records than fit
 * into a batch, as far as that is known.
 */
function spanEnd(list: PostingList, start: number, end: number, limit: number): number {
  let next = start + 1;
  let messages = list.count(start);
  let bytes = 0;
  for (; next < list.length && messages < limit && bytes < maxBatchBytes; next++) {
    const distance = list.position(next) - list.position(next - 1);
    if (
      list.isLost(next) ||
      list.first(next) > end ||
      distance > gapBytes ||
      list.position(next) - list.position(start) >= fetchBytes
    ) {
      break;
    }
    messages += list.count(next);
    // How long the record is, if another one of the rooms follows it.
    bytes += Math.min(distance, smallBytes);
  }
  return next;
}
