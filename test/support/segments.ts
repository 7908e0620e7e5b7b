import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeItem, type ItemHeader, itemKind } from "../../src/server/log/file/segments/item.js";
import {
  decodeSegmentHeader,
  segmentHeaderLength,
} from "../../src/server/log/file/segments/segment-header.js";

/** An item of a log, and where it lies. */
export interface FoundItem {
  readonly path: string;
  /** Where it begins in the file. */
  readonly at: number;
  readonly item: ItemHeader;
}

/** The segments of the log in a folder, oldest first. */
export function segmentsOf(dir: string): string[] {
  const store = join(dir, "messages");
  return readdirSync(store)
    .filter((name) => name.endsWith(".seg"))
    .sort()
    .map((name) => join(store, name));
}

/** All items of a log that is intact. */
export function itemsOf(dir: string): FoundItem[] {
  return segmentsOf(dir).flatMap((path) => {
    const bytes = readFileSync(path);
    const { salt } = decodeSegmentHeader(bytes, path)!;
    const found: FoundItem[] = [];
    for (let at = segmentHeaderLength; ; ) {
      const item = decodeItem(bytes, at, salt);
      if (item === undefined) {
        return found;
      }
      found.push({ path, at, item });
      at += item.length;
    }
  });
}

/** Removes the zeros ahead of the log's end, so that each byte of its files means something. */
export function cutZeros(dir: string): void {
  const { path, at, item } = itemsOf(dir).at(-1)!;
  truncateSync(path, at + item.length);
}

/** The record of messages that ends with a sequence. */
export function recordOf(dir: string, last: number): FoundItem {
  return itemsOf(dir).find(({ item }) => item.kind === itemKind.messages && item.last === last)!;
}

/** The ids of the commit of which the last id has a sequence. */
export function idsOf(dir: string, last: number): FoundItem {
  return itemsOf(dir).find(({ item }) => item.kind === itemKind.ids && item.last === last)!;
}

/** Flips a bit of an item, `at` bytes behind where it begins. */
export function flip({ path, at: start }: FoundItem, at: number): void {
  change(path, (bytes) => {
    bytes[start + at]! ^= 1;
  });
}

/** Puts zeros in the place of an item. */
export function zero({ path, at, item }: FoundItem): void {
  change(path, (bytes) => bytes.fill(0, at, at + item.length));
}

/** Changes a file. */
export function change(path: string, how: (bytes: Buffer) => unknown): void {
  const bytes = readFileSync(path);
  how(bytes);
  writeFileSync(path, bytes);
}
