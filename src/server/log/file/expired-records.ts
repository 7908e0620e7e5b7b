import { lowerBoundAsync } from "../../util/lower-bound.js";
import type { MessageRecord } from "../core/stored-record.js";
import { itemKind } from "./segments/item.js";
import type { Segment } from "./segments/segment.js";
import { indexStep } from "./segments/segment-index.js";
import type { SegmentSet } from "./segments/segment-set.js";

/** Decides whether a record is expired; everything older than an expired record is expired, too. */
export type ExpiryTest = (record: Pick<MessageRecord, "last" | "sentAt" | "totalBytes">) => boolean;

/** The number of bytes fetched to look at one header. */
const headerFetchBytes = 512;

/**
 * The last message of the expired records, which are the oldest ones; undefined if none is expired.
 * Damaged records go with those after them. Uses a binary search, so that records that are kept are
 * not read.
 */
export async function lastExpired(
  segments: SegmentSet,
  isExpired: ExpiryTest,
): Promise<number | undefined> {
  let segment = segments.all[0];
  let found: number | undefined;
  for (const next of segments.all.slice(1)) {
    if (isExpired({ last: next.first - 1, sentAt: next.sentAt, totalBytes: next.totalBytes })) {
      segment = next;
      found = next.first - 1;
    }
  }
  if (segment === undefined) {
    return undefined;
  }
  const { places } = await segments.indexOf(segment);
  const low = await lowerBoundAsync(
    0,
    places.length,
    async (i) => (await lookFrom(segments, segment, places[i]!, isExpired, true)) === undefined,
  );
  return low === 0
    ? found
    : ((await lookFrom(segments, segment, places[low - 1]!, isExpired, false)) ?? found);
}

/** Looks at the records from a place on, or only at the first one. */
async function lookFrom(
  segments: SegmentSet,
  segment: Segment,
  from: number,
  isExpired: ExpiryTest,
  onlyFirst: boolean,
): Promise<number | undefined> {
  const fetchBytes = onlyFirst ? headerFetchBytes : indexStep;
  const reader = segments.reader(segment, { from, fetchBytes, skips: itemKind.messages });
  let found: number | undefined;
  for (let step = await reader.step(); step !== "end"; step = await reader.step()) {
    if (step === "item" && reader.item.kind === itemKind.messages) {
      if (!isExpired(reader.item)) {
        break;
      }
      found = reader.item.last;
      if (onlyFirst) {
        break;
      }
    }
  }
  return found;
}
