import { readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type IdRecord, maxSequence } from "../../core/stored-record.js";
import { replaceFile } from "../disk-file.js";
import { decodeIds, type ItemHeader, itemKind, payloadOf } from "./item.js";
import { Segment } from "./segment.js";
import { decodeSegmentHeader, segmentHeaderLength } from "./segment-header.js";
import { indexStep } from "./segment-index.js";
import { firstSalt, sizeOf, unknownSegment } from "./segment-list.js";
import type { SegmentSet } from "./segment-set.js";

/** Which ids are wanted. */
export interface IdsWanted {
  /**
   * Ids that are certainly older than this are left out, in milliseconds since 1970. Default: none
   * are.
   */
  readonly notBefore?: number;
  /** Approximate number of the newest ids to read; a few more may be read. Default: all. */
  readonly maxIds?: number;
}

interface FoundIds {
  readonly item: ItemHeader;
  /** The whole item, not checked. */
  readonly bytes: Buffer;
}

/** The ids in the segments of a log, and in the files that keep the ids of removed segments. */
export class SegmentIds {
  readonly #segments: SegmentSet;
  /** Whether files of ids may exist. */
  #hasKept = true;

  constructor(segments: SegmentSet) {
    this.#segments = segments;
  }

  /** The ids of a few commits at a time, oldest first; undefined stands for damaged ones. */
  async *read({
    notBefore = 0,
    maxIds = maxSequence,
  }: IdsWanted = {}): AsyncGenerator<(IdRecord | undefined)[]> {
    const from = await this.#oldestWanted(notBefore, maxIds);
    if (from === 0) {
      for (const file of await this.#keptFiles()) {
        const items = await this.#itemsFrom(file, segmentHeaderLength, file.end);
        this.#segments.files.forget(file);
        yield file.salt === 0 ? [undefined] : decoded(items);
      }
    }
    for (const segment of this.#segments.all.slice(from)) {
      const { idsPlaces } = await this.#segments.indexOf(segment);
      for (const place of [...idsPlaces]) {
        yield decoded(await this.#itemsFrom(segment, place, indexStep));
      }
    }
  }

  /**
   * Saves the ids of a segment that is about to be removed, from those of a message on, to a file.
   */
  async keep(segment: Segment, from: number): Promise<void> {
    const { idsPlaces } = await this.#segments.indexOf(segment);
    const kept: Buffer[] = [];
    for (const place of idsPlaces) {
      for (const found of await this.#itemsFrom(segment, place, indexStep)) {
        if (found !== undefined && found.item.last >= from) {
          kept.push(found.bytes);
        }
      }
    }
    if (kept.length > 0) {
      const header = await this.#segments.files.read(segment, 0, segmentHeaderLength);
      await replaceFile(segment.idsPath, Buffer.concat([header, ...kept]));
      this.#hasKept = true;
    }
  }

  /** Removes the files whose ids all belong to messages before a given one. */
  async removeKept(before: number): Promise<void> {
    if (!this.#hasKept) {
      return;
    }
    for (const file of await this.#keptFiles()) {
      const items = await this.#itemsFrom(file, segmentHeaderLength, file.end);
      this.#segments.files.forget(file);
      if (items.some((found) => found !== undefined && found.item.last >= before)) {
        return;
      }
      await unlink(file.path);
    }
    this.#hasKept = false;
  }

  /** The place of the oldest segment that may have wanted ids. */
  async #oldestWanted(notBefore: number, maxIds: number): Promise<number> {
    const { all } = this.#segments;
    let count = 0;
    for (let i = all.length - 1; i > 0; i--) {
      count += (await this.#segments.indexOf(all[i]!)).idsCount;
      if (count >= maxIds || all[i]!.sentAt < notBefore) {
        return i;
      }
    }
    return 0;
  }

  /** The items of ids that begin within `span` bytes of a place; undefined for damage. */
  async #itemsFrom(
    segment: Segment,
    from: number,
    span: number,
  ): Promise<(FoundIds | undefined)[]> {
    const end = Math.min(segment.end, from + span);
    const skips = itemKind.messages;
    const reader = this.#segments.reader(segment, { from, fetchBytes: indexStep, skips });
    const found: (FoundIds | undefined)[] = [];
    let lastMessage: number | undefined;
    let isAfterDamage = false;
    while (reader.nextPosition < end) {
      const stepping = reader.step();
      const step = typeof stepping === "string" ? stepping : await stepping;
      if (step === "damage") {
        isAfterDamage = true;
        continue;
      }
      if (step === "end") {
        break;
      }
      const { item } = reader;
      if (item.kind === itemKind.ids) {
        found.push({ item, bytes: reader.bytes });
      } else if (item.kind === itemKind.messages) {
        if (isAfterDamage && item.first - 1 === lastMessage) {
          found.push(undefined); // No message is missing: the damage was in ids.
        }
        isAfterDamage = false;
        lastMessage = item.last;
      }
    }
    return found;
  }

  /**
   * The files with the ids of removed segments, oldest first. A file without a salt is so damaged
   * that none of its ids can be found.
   */
  async #keptFiles(): Promise<Segment[]> {
    const { dir, files } = this.#segments;
    const found: Segment[] = [];
    for (const name of (await readdir(dir)).sort()) {
      if (!/^\d{8}\.ids$/.test(name)) {
        continue;
      }
      const path = join(dir, name);
      const size = await sizeOf(path);
      if (size === undefined) {
        continue;
      }
      const unknown = unknownSegment(path);
      const bytes = await files.read(unknown, 0, segmentHeaderLength);
      files.forget(unknown);
      const header = decodeSegmentHeader(bytes, path);
      const salt = header?.salt ?? (await firstSalt(files, path));
      const file = header ? new Segment(path, header) : unknownSegment(path, { salt });
      file.end = salt === 0 ? segmentHeaderLength : size;
      found.push(file);
    }
    return found;
  }
}

function decoded(items: readonly (FoundIds | undefined)[]): (IdRecord | undefined)[] {
  return items.map((found) => {
    const payload = found && payloadOf(found.bytes, 0, found.item);
    return payload && decodeIds(payload, found.item);
  });
}
