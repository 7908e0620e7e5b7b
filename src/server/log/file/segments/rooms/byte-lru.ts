/** A cache of the most recently used values, limited by their total size in bytes. */
export class ByteLru<T> {
  readonly #maxBytes: number;
  /** In the order of their last use, the most recent one at the end. */
  readonly #entries = new Map<string, { readonly value: T; readonly bytes: number }>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(key: string): T | undefined {
    const found = this.#entries.get(key);
    if (found !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, found);
    }
    return found?.value;
  }

  /** Caches a value of about this many bytes. */
  set(key: string, value: T, bytes: number): void {
    this.#bytes += bytes - (this.#entries.get(key)?.bytes ?? 0);
    this.#entries.delete(key);
    this.#entries.set(key, { value, bytes });
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) {
        return;
      }
      this.#entries.delete(oldest);
      this.#bytes -= entry.bytes;
    }
  }
}
