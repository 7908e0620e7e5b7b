/*
 * The posted texts: 64 bytes each, numbered from 0 in a circle, so that any receiver can tell that
 * none is missing, duplicated or out of order.
 */

/** How many different texts there are. */
export const textCount = 1000;
/** Bytes of each text. */
export const textLength = 64;

const hash = 0x23;
const digits = 4;

/** The texts, by their number. */
export const texts: readonly string[] = Array.from({ length: textCount }, (_, number) =>
  `#${String(number).padStart(digits, "0")} the quick brown fox jumps over the lazy dog`.padEnd(
    textLength,
    ".",
  ),
);

/** The number of the first text in these bytes; -1 if there is none. */
export function textNumber(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== hash) {
    at++;
  }
  if (at + digits >= end) {
    return -1;
  }
  let number = 0;
  for (let i = 1; i <= digits; i++) {
    number = number * 10 + bytes[at + i]! - 0x30;
  }
  return number;
}

/** Checks that messages come complete and in order. */
export class TextChecker {
  /** How many messages have arrived. */
  count = 0;
  #next: number;

  /** @param first the number of the first text that is due; -1: whatever comes first */
  constructor(first = 0) {
    this.#next = first;
  }

  /** Takes a message. Throws if it is not the one that was due. */
  take(bytes: Uint8Array, start: number, end: number): void {
    const number = textNumber(bytes, start, end);
    if (number !== this.#next && (this.#next !== -1 || number < 0)) {
      throw new Error(`text ${this.#next} was due, text ${number} came`);
    }
    this.#next = (number + 1) % textCount;
    this.count++;
  }
}
