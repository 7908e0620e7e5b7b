import type { RoomSelection } from "../../../../rooms/room-selection.js";
import type { Back } from "../../../core/tail-cache.js";
import { itemKind } from "../item.js";
import type { Segment } from "../segment.js";
import type { SegmentSet } from "../segment-set.js";
import { Pace } from "./pace.js";
import { Plans } from "./plans.js";
import { overRecord } from "./posting-list.js";
import type { RoomIndex } from "./room-index.js";

/** Bytes that are fetched at once when records are scanned. */
const fetchBytes = 64 * 1024;

/** Counts the messages of some rooms back from a position. */
export class RoomCounts {
  readonly #segments: SegmentSet;
  readonly #index: RoomIndex;
  readonly #plans: Plans;

  constructor(segments: SegmentSet, index: RoomIndex) {
    this.#segments = segments;
    this.#index = index;
    this.#plans = new Plans(segments, index);
  }

  /** The sequence after which the last `count` messages begin, of those from `first` to `head`. */
  beforeLast(
    count: number,
    rooms: RoomSelection,
    first: number,
    head: number,
    signal?: AbortSignal,
  ): Promise<number> {
    return this.#index.query(() => this.#beforeLast(count, rooms, first, head, signal));
  }

  async #beforeLast(
    count: number,
    rooms: RoomSelection,
    first: number,
    head: number,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    if (count === 0) {
      return head;
    }
    const pace = new Pace();
    const all = this.#segments.all.slice();
    let left = count;
    for (let place = all.length - 1; place >= 0; ) {
      const segment = all[place]!;
      const end = Math.min(head, (all[place + 1]?.first ?? head + 1) - 1);
      if (end < first) {
        break;
      }
      signal?.throwIfAborted();
      await pace.rest();
      const after = Math.max(first, segment.first) - 1;
      const back =
        end <= after ? { left } : await this.#back(segment, rooms, left, after, end, signal);
      if ("before" in back) {
        return back.before;
      }
      left = back.left;
      place = await this.#plans.previousWith(rooms, all, place - 1);
    }
    return first - 1;
  }

  /** Counts back over messages of one segment. */
  async #back(
    segment: Segment,
    rooms: RoomSelection,
    count: number,
    after: number,
    through: number,
    signal: AbortSignal | undefined,
  ): Promise<Back> {
    if (segment.rooms !== undefined) {
      return segment.rooms.back(rooms, count, after, through);
    }
    const plan = await this.#plans.of(segment, rooms, after);
    switch (plan.kind) {
      case "none":
        return { left: count };
      case "all":
        return through - after >= count
          ? { before: through - count }
          : { left: count - (through - after) };
      case "list":
        return plan.list.back(count, after, through);
      default:
        return this.#backByScan(segment, rooms, count, after, through, signal);
    }
  }

  /** Scans the records of a segment, from the end. */
  async #backByScan(
    segment: Segment,
    rooms: RoomSelection,
    count: number,
    after: number,
    through: number,
    signal: AbortSignal | undefined,
  ): Promise<Back> {
    const pace = new Pace();
    const index = await this.#segments.indexOf(segment);
    const { places } = index;
    let back: Back = { left: count };
    for (let i = places.indexOf(index.find(through)); i >= 0; i--) {
      signal?.throwIfAborted();
      const options = { from: places[i]!, end: places[i + 1] ?? segment.end, fetchBytes };
      const reader = this.#segments.reader(segment, { ...options, skips: itemKind.messages });
      const found: { first: number; last: number }[] = [];
      let begin = Number.POSITIVE_INFINITY;
      for (let step = await reader.step(); step !== "end"; step = await reader.step()) {
        if (step === "item" && reader.item.kind === itemKind.messages) {
          const { room, first, last } = reader.item;
          begin = Math.min(begin, first);
          if (rooms.has(room)) {
            found.push({ first, last });
          }
        }
        await pace.rest();
      }
      for (const { first, last } of found.reverse()) {
        back = overRecord(back.left, first, last, after, through);
        if ("before" in back) {
          return back;
        }
      }
      if (begin <= after) {
        break;
      }
    }
    return back;
  }
}
