import { frameTypes } from "../load/http2-frames.js";

/** How much the server lets a client send. */
export class SendWindows {
  #rest = Buffer.alloc(0);
  #connection = 65_535;
  #initial = 65_535;
  readonly #used = new Map<number, number>();

  /** How many bytes may be sent on this stream now. */
  left(id: number): number {
    return Math.min(this.#connection, this.#initial - (this.#used.get(id) ?? 0));
  }

  use(id: number, bytes: number): void {
    this.#connection -= bytes;
    this.#used.set(id, (this.#used.get(id) ?? 0) + bytes);
  }

  take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    let at = 0;
    while (at + 9 <= this.#rest.length) {
      const end = at + 9 + this.#rest.readUIntBE(at, 3);
      if (end > this.#rest.length) {
        break;
      }
      this.#takeFrame(this.#rest[at + 3]!, this.#rest.readUInt32BE(at + 5), at + 9, end);
      at = end;
    }
    this.#rest = this.#rest.subarray(at);
  }

  #takeFrame(type: number, id: number, from: number, end: number): void {
    if (type === frameTypes.windowUpdate) {
      const added = this.#rest.readUInt32BE(from);
      if (id === 0) {
        this.#connection += added;
      } else {
        this.#used.set(id, (this.#used.get(id) ?? 0) - added);
      }
    } else if (type === frameTypes.settings) {
      for (let at = from; at + 6 <= end; at += 6) {
        if (this.#rest.readUInt16BE(at) === 4) {
          this.#initial = this.#rest.readUInt32BE(at + 2);
        }
      }
    }
  }
}
