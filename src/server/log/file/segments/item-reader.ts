import {
  decodeItem,
  type ItemHeader,
  type ItemKind,
  itemHeaderLength,
  maxRoomLength,
  payloadOf,
} from "./item.js";
import type { Segment } from "./segment.js";
import type { SegmentFiles } from "./segment-files.js";

export interface ItemReaderOptions {
  /** Where the first item begins. */
  readonly from: number;
  /** Where the last one ends. Default: where the segment does. */
  readonly end?: number;
  /** Bytes that are fetched at once. */
  readonly fetchBytes: number;
  /** The kind of items whose payload is not needed, and is not fetched if that can be avoided. */
  readonly skips?: ItemKind;
}

/**
 * The result of a step: an item, bytes that are not an item (`damage`: the next step returns what
 * follows them), or the end.
 */
export type Step = "item" | "damage" | "end";

/** Bytes that are searched at once after damage. */
const searchBytes = 64 * 1024;
const saltPlace = 16;

/**
 * Reads the items of a segment one by one. If one is damaged, it searches for the next intact
 * header: only the damaged items are lost.
 */
export class ItemReader {
  readonly #files: SegmentFiles;
  readonly #segment: Segment;
  readonly #end: number;
  readonly #fetchBytes: number;
  readonly #skips: ItemKind | undefined;
  #chunk: Buffer = Buffer.alloc(0);
  /** Where in the file the chunk begins. */
  #base: number;
  /** Where in the chunk the next item begins. */
  #next = 0;
  #item: ItemHeader | undefined;
  #peeked: ItemHeader | undefined;
  #at = 0;

  constructor(files: SegmentFiles, segment: Segment, options: ItemReaderOptions) {
    this.#files = files;
    this.#segment = segment;
    this.#end = options.end ?? segment.end;
    this.#fetchBytes = options.fetchBytes;
    this.#skips = options.skips;
    this.#base = options.from;
  }

  /** The item at which the last step arrived. */
  get item(): ItemHeader {
    return this.#item!;
  }

  /** Where that begins in the file. */
  get position(): number {
    return this.#base + this.#at;
  }

  /** Where the next one begins, or the bytes that are there instead. */
  get nextPosition(): number {
    return this.#base + this.#next;
  }

  /** Whether the next step returns an item without fetching bytes. */
  get hasMore(): boolean {
    const item = this.#peek();
    return item !== undefined && this.#isWhole(item) && this.#fits(item);
  }

  /** The payload of the item; undefined if it is damaged, or was skipped. */
  get payload(): Buffer | undefined {
    return payloadOf(this.#chunk, this.#at, this.#item!);
  }

  /** The bytes of the item, not checked. */
  get bytes(): Buffer {
    return this.#chunk.subarray(this.#at, this.#at + this.#item!.length);
  }

  /** Moves on to what follows; synchronously, if no bytes must be fetched. */
  step(): Step | Promise<Step> {
    const item = this.#peek();
    if (item !== undefined && this.#isWhole(item) && this.#fits(item)) {
      this.#take(item);
      return "item";
    }
    return this.nextPosition >= this.#end ? "end" : this.#fetch(item);
  }

  /** The header of the next item, if it is in the chunk and intact. */
  #peek(): ItemHeader | undefined {
    this.#peeked ??= decodeItem(this.#chunk, this.#next, this.#segment.salt);
    return this.#peeked;
  }

  #take(item: ItemHeader): void {
    this.#peeked = undefined;
    this.#item = item;
    this.#at = this.#next;
    this.#next += item.length;
  }

  #isWhole(item: ItemHeader): boolean {
    return this.#next + item.length <= this.#chunk.length || item.kind === this.#skips;
  }

  #fits(item: ItemHeader): boolean {
    return this.nextPosition + item.length <= this.#end;
  }

  async #fetch(known: ItemHeader | undefined): Promise<Step> {
    const position = this.nextPosition;
    this.#peeked = undefined;
    let wanted = Math.max(this.#fetchBytes, known?.length ?? 0);
    for (;;) {
      const length = Math.min(wanted, this.#end - position);
      this.#chunk = await this.#files.read(this.#segment, position, length);
      this.#base = position;
      this.#next = 0;
      const item = decodeItem(this.#chunk, 0, this.#segment.salt);
      if (item === undefined || !this.#fits(item)) {
        return this.#search(position + 1);
      }
      if (!this.#isWhole(item) && this.#chunk.length === length) {
        wanted = item.length;
        continue;
      }
      this.#take(item); // The file may end within it: its payload is damaged then.
      return "item";
    }
  }

  /** Finds the next intact header from a place on. */
  async #search(from: number): Promise<Step> {
    const mark = Buffer.alloc(4);
    mark.writeUInt32BE(this.#segment.salt);
    const overlap = itemHeaderLength + maxRoomLength;
    let base = from;
    for (;;) {
      const length = Math.max(0, Math.min(searchBytes, this.#end - base));
      const chunk = await this.#files.read(this.#segment, base, length);
      let hit = chunk.indexOf(mark, saltPlace);
      for (; hit >= 0; hit = chunk.indexOf(mark, hit + 1)) {
        const item = decodeItem(chunk, hit - saltPlace, this.#segment.salt);
        const start = base + hit - saltPlace;
        if (item !== undefined && start + item.length <= this.#end) {
          this.#seek(start);
          return "damage";
        }
      }
      if (chunk.length < length || base + length >= this.#end) {
        this.#seek(this.#end);
        return "damage";
      }
      base += length - overlap;
    }
  }

  #seek(position: number): void {
    this.#chunk = Buffer.alloc(0);
    this.#base = position;
    this.#next = 0;
    this.#peeked = undefined;
  }
}
