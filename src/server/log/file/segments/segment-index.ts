import { crc32c } from "../../../encoding/crc32c.js";
import { lowerBound } from "../../../util/lower-bound.js";
import { type ItemHeader, itemKind } from "./item.js";
import { segmentHeaderLength } from "./segment-header.js";

/** Bytes of a segment for which the index has one entry. */
export const indexStep = 32 * 1024;

/*
 * The file of an index is derived data: without it, the whole segment is read once. All numbers are
 * big-endian:
 *
 *    0  CRC-32C of all that follows (4 bytes)
 *    4  "chatidx\n"
 *   12  version of the form (2)
 *   14  salt of the segment (4), where it ends (4)
 *   22  how many ids the segment has (4)
 *   26  entries of messages (4), entries of ids (4)
 *   34  for each entry of messages its first sequence (6) and its place (4),
 *       for each entry of ids its place (4)
 */

const magic = "chatidx\n";
const indexVersion = 1;
const fixedLength = 34;

/** Where in a segment messages and ids are: one entry for every `indexStep` bytes. */
export class SegmentIndex {
  /** Ids in the segment. */
  idsCount = 0;
  readonly #sequences: number[] = [];
  readonly #places: number[] = [];
  readonly #idsPlaces: number[] = [];

  /** Adds the next item of the segment, which begins at `at`. */
  add(item: Pick<ItemHeader, "kind" | "first" | "count">, at: number): void {
    if (item.kind === itemKind.messages) {
      const before = this.#places.at(-1);
      if (before === undefined || at - before >= indexStep) {
        this.#places.push(at);
        this.#sequences.push(item.first);
      }
    } else if (item.kind === itemKind.ids) {
      this.idsCount += item.count;
      const before = this.#idsPlaces.at(-1);
      if (before === undefined || at - before >= indexStep) {
        this.#idsPlaces.push(at);
      }
    }
  }

  /** The places of some records of messages, at least `indexStep` bytes apart. */
  get places(): readonly number[] {
    return this.#places;
  }

  /** The places of some items of ids, at least `indexStep` bytes apart; others are between them. */
  get idsPlaces(): readonly number[] {
    return this.#idsPlaces;
  }

  /** A place from which the message with a sequence is found soon. */
  find(sequence: number): number {
    const low = lowerBound(0, this.#sequences.length, (i) => this.#sequences[i]! > sequence);
    return low === 0 ? segmentHeaderLength : this.#places[low - 1]!;
  }

  /** The file of the index of a segment. */
  encode({ salt, end }: { readonly salt: number; readonly end: number }): Buffer {
    const { length } = this.#places;
    const target = Buffer.alloc(fixedLength + length * 10 + this.#idsPlaces.length * 4);
    target.write(magic, 4, "latin1");
    target.writeUInt16BE(indexVersion, 12);
    target.writeUInt32BE(salt, 14);
    target.writeUInt32BE(end, 18);
    target.writeUInt32BE(this.idsCount, 22);
    target.writeUInt32BE(length, 26);
    target.writeUInt32BE(this.#idsPlaces.length, 30);
    let at = fixedLength;
    for (let i = 0; i < length; i++) {
      target.writeUIntBE(this.#sequences[i]!, at, 6);
      target.writeUInt32BE(this.#places[i]!, at + 6);
      at += 10;
    }
    for (const place of this.#idsPlaces) {
      target.writeUInt32BE(place, at);
      at += 4;
    }
    target.writeUInt32BE(crc32c(target, 4), 0);
    return target;
  }

  /** Reads the index file of a segment; undefined if it is damaged or something else. */
  static decode(
    bytes: Buffer,
    { salt, end }: { readonly salt: number; readonly end: number },
  ): SegmentIndex | undefined {
    if (
      bytes.length < fixedLength ||
      bytes.readUInt32BE(0) !== crc32c(bytes, 4) ||
      bytes.toString("latin1", 4, 12) !== magic ||
      bytes.readUInt16BE(12) !== indexVersion ||
      bytes.readUInt32BE(14) !== salt ||
      bytes.readUInt32BE(18) !== end
    ) {
      return undefined;
    }
    const index = new SegmentIndex();
    index.idsCount = bytes.readUInt32BE(22);
    let at = fixedLength;
    for (let left = bytes.readUInt32BE(26); left > 0; left--) {
      index.#sequences.push(bytes.readUIntBE(at, 6));
      index.#places.push(bytes.readUInt32BE(at + 6));
      at += 10;
    }
    for (let left = bytes.readUInt32BE(30); left > 0; left--) {
      index.#idsPlaces.push(bytes.readUInt32BE(at));
      at += 4;
    }
    return index;
  }
}
