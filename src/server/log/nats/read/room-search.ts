import type { RoomSelection } from "../../../rooms/room-selection.js";
import type { MessageLog } from "../../message-log.js";
import { filtersOf } from "../room-subjects.js";
import type { NatsStream } from "../stream.js";
import type { NatsDirectGets } from "./direct-gets.js";

/** How often a count is repeated while others post to the rooms. */
const maxAttempts = 5;

/** How far the first step back goes. */
const firstStep = 1024;

/** Messages between two sequences, including `from`, excluding `end`. */
interface Span {
  readonly from: number;
  readonly end: number;
}

/**
 * Finds where the last messages of a few rooms begin by counting: each count takes one small
 * request for each filter. The first guess assumes that messages are evenly spaced; each later one
 * halves the remaining span.
 *
 * @param count number of messages to find before the end of the span
 * @returns the sequence after which they begin; the one before the span if it has fewer
 */
export async function searchBeforeLast(
  gets: NatsDirectGets,
  stream: NatsStream,
  count: number,
  rooms: RoomSelection,
  { from, end }: Span,
  signal?: AbortSignal,
): Promise<number> {
  const filters = filtersOf(stream.subject, rooms);
  const countFrom = async (sequence: number): Promise<number> => {
    const counts = await Promise.all(
      filters.map((filter) => countAfter(gets, filter, sequence, signal)),
    );
    return counts.reduce((sum, one) => sum + one, 0);
  };
  let later = await countFrom(end);
  const countUntilEnd = async (sequence: number): Promise<number> => {
    for (let attempt = 1; ; attempt++) {
      const found = await countFrom(sequence);
      const before = later;
      later = await countFrom(end);
      if (later === before || attempt === maxAttempts) {
        return found - before;
      }
    }
  };
  let [low, high] = [from, end];
  let [atLow, atHigh] = [await countUntilEnd(from), 0];
  if (atLow <= count) {
    return from - 1;
  }
  for (let halve = count === 0; high - low > 1; halve = !halve) {
    const share = halve ? 0.5 : (count - atHigh) / (atLow - atHigh);
    const guess = Math.round(high - (high - low) * share);
    const place = Math.min(Math.max(guess, low + 1), high - 1);
    const found = await countUntilEnd(place);
    if (found === count) {
      return place - 1;
    }
    if (found > count) {
      [low, atLow] = [place, found];
    } else {
      [high, atHigh] = [place, found];
    }
  }
  return high - 1;
}

/** How many messages from a sequence on match a filter. */
export async function countAfter(
  gets: NatsDirectGets,
  filter: string,
  sequence: number,
  signal?: AbortSignal,
): Promise<number> {
  const query = { seq: sequence, next_by_subj: filter, batch: 1, max_bytes: 1 };
  const { messages, pending } = await gets.get(query, signal);
  return messages.length + pending;
}

/** The same for many rooms: reads backwards, each step twice as large as the one before. */
export async function stepBeforeLast(
  log: Pick<MessageLog, "read">,
  count: number,
  rooms: RoomSelection,
  { from, end }: Span,
  signal?: AbortSignal,
): Promise<number> {
  let left = count;
  for (let [step, stop] = [firstStep, end]; stop > from && left > 0; step *= 2) {
    const start = Math.max(from, stop - step);
    const span = { from: start, end: stop };
    const found = await skip(log, rooms, span, Number.POSITIVE_INFINITY, signal);
    if (found.count >= left) {
      return (await skip(log, rooms, span, found.count - left, signal)).last;
    }
    left -= found.count;
    stop = start;
  }
  return left === 0 ? end - 1 : from - 1;
}

/** Reads some messages of a span: returns their number, and the last one's sequence. */
async function skip(
  log: Pick<MessageLog, "read">,
  rooms: RoomSelection,
  { from, end }: Span,
  limit: number,
  signal?: AbortSignal,
): Promise<{ count: number; last: number }> {
  let [count, last] = [0, from - 1];
  while (count < limit) {
    const wanted = { through: end - 1, limit: limit - count, rooms };
    const batch = await log.read(last, { ...wanted, ...(signal && { signal }) });
    if (batch === undefined) {
      break;
    }
    count += batch.count;
    last = batch.last;
  }
  return { count, last };
}
