import { lowerBoundAsync } from "../../util/lower-bound.js";
import type { MessageRecord } from "../core/stored-record.js";
import { itemKind } from "./segments/item.js";
import type { Segment } from "./segments/segment.js";
import { indexStep } from "./segments/segment-index.js";
import type { SegmentSet } from "./segments/segment-set.js";

/** What decides whether a record is expired; what is older than an expired one is, too. */
export type ExpiryTest = (record: Pick<MessageRecord, "last" | "sentAt" | "totalBytes">) => boolean;

/** What is fetched to look at one header. */
const headerFetchBytes = 512;

/**
 * The last message of the records that are expired, which are the oldest ones; undefined if
 * none is. Damaged ones go with those after them. Found by halving: what is kept is not read.
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

/** Looks at the records from a place on, or at the first one alone. */
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
