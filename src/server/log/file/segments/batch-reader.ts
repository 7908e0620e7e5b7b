import { joinBatches, maxBatchBytes, sliceBatch } from "../../../encoding/batch.js";
import { type MessageRecord, maxSequence } from "../../core/stored-record.js";
import { dataLossError } from "../../errors.js";
import type { Batch } from "../../message-log.js";
import { itemKind } from "./item.js";
import type { Place, SegmentSet } from "./segment-set.js";

/** Bytes that a reader fetches at once: a record of full size, or many small ones. */
const fetchBytes = maxBatchBytes + 2048;

/** How many bytes are enough for a reader if it would have to fetch more. */
const enoughBytes = maxBatchBytes / 2;

/** Bytes that are fetched at once when everything is read. */
const scanBytes = 512 * 1024;

/** How many places are remembered at which readers have stopped. */
const maxPlaces = 1024;

/** Reads the messages of a log from its segments. */
export class BatchReader {
  readonly #segments: SegmentSet;
  /** Where the record after a message begins. */
  readonly #places = new Map<number, Place>();

  constructor(segments: SegmentSet) {
    this.#segments = segments;
  }

  /**
   * Consecutive messages after `after` and up to `through`, all of which are stored: a batch of
   * half its size or more, if there are that many. Rejects with `data_loss` if the next one is
   * damaged or missing.
   */
  async read(after: number, through: number, limit = maxSequence): Promise<Batch> {
    const last = Math.min(through, after + limit);
    const parts: Batch[] = [];
    let bytes = 0;
    let next = after + 1;
    let place = this.#places.get(after) ?? (await this.#segments.find(next));
    while (place !== undefined && next <= last) {
      const { segment, position } = place;
      const reader = this.#segments.reader(segment, { from: position, fetchBytes });
      place = this.#segments.after(segment);
      for (;;) {
        if (bytes >= enoughBytes && !reader.hasMore) {
          this.#remember(next - 1, { segment, position: reader.nextPosition });
          return joinBatches(parts);
        }
        const stepping = reader.step();
        const step = typeof stepping === "string" ? stepping : await stepping;
        if (step === "end") {
          break;
        }
        if (step === "damage" || reader.item.last < next) {
          continue;
        }
        const { item } = reader;
        if (item.kind !== itemKind.messages && item.kind !== itemKind.gap) {
          continue;
        }
        const isFull = parts.length > 0 && bytes + item.payloadLength > maxBatchBytes;
        const payload =
          isFull || item.kind === itemKind.gap || item.first > next ? undefined : reader.payload;
        if (payload === undefined) {
          if (parts.length === 0) {
            const end = item.first > next ? item.first - 1 : item.last;
            throw dataLossError({ first: next, last: Math.min(end, through) });
          }
          this.#remember(next - 1, { segment, position: reader.position });
          return joinBatches(parts);
        }
        const record = { first: item.first, last: item.last, count: item.count, bytes: payload };
        parts.push(sliceBatch(record, next - 1)!);
        bytes += payload.length;
        next = item.last + 1;
        if (next > last) {
          const isInside = item.last > last;
          const position = isInside ? reader.position : reader.nextPosition;
          this.#remember(last, { segment, position });
          break;
        }
      }
    }
    if (parts.length === 0) {
      throw dataLossError({ first: next, last: through });
    }
    return sliceBatch(joinBatches(parts), after, last)!;
  }

  /** Every intact record after a message, in order; damaged or missing ones are left out. */
  async *records(after: number): AsyncGenerator<MessageRecord> {
    let place = await this.#segments.find(after + 1);
    for (; place !== undefined; place = this.#segments.after(place.segment)) {
      const options = { from: place.position, fetchBytes: scanBytes };
      const reader = this.#segments.reader(place.segment, options);
      for (let step = await reader.step(); step !== "end"; step = await reader.step()) {
        if (step === "damage" || reader.item.kind !== itemKind.messages) {
          continue;
        }
        const { room, first, last, count, sentAt, totalBytes } = reader.item;
        const bytes = last > after ? reader.payload : undefined;
        if (bytes !== undefined) {
          yield { room, first, last, count, sentAt, totalBytes, bytes };
        }
      }
    }
  }

  #remember(after: number, place: Place): void {
    this.#places.set(after, place);
    if (this.#places.size > maxPlaces) {
      this.#places.delete(this.#places.keys().next().value!);
    }
  }
}
