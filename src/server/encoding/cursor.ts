/*
 * A cursor is 16 characters of base64url: 8 of the log's identity, then the sequence as 48 bits,
 * big-endian. Clients treat it as opaque. It is short because it is stored with every message, and
 * of fixed length so that it can be written without counting.
 */

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const sequenceDigits = 8;

/** The value of each digit, by its ASCII code. */
const digitValues = new Uint8Array(128);
for (let i = 0; i < digits.length; i++) {
  digitValues[digits.charCodeAt(i)] = i;
}

/** Bytes (all ASCII) of every cursor. */
export const cursorLength = 16;

/** The cursor of a position in a log: what is read after it starts with `sequence + 1`. */
export function formatCursor(identity: string, sequence: number): string {
  let text = "";
  let rest = sequence;
  for (let i = 0; i < sequenceDigits; i++) {
    text = digits.charAt(rest % 64) + text;
    rest = Math.floor(rest / 64);
  }
  return identity + text;
}

/** Writes the cursor into `target` as ASCII, `cursorLength` bytes from `offset`. */
export function writeCursor(
  target: Uint8Array,
  offset: number,
  identity: string,
  sequence: number,
): void {
  for (let i = 0; i < identity.length; i++) {
    target[offset + i] = identity.charCodeAt(i);
  }
  let rest = sequence;
  for (let i = offset + cursorLength - 1; i >= offset + identity.length; i--) {
    target[i] = digits.charCodeAt(rest % 64);
    rest = Math.floor(rest / 64);
  }
}

/** The sequence of the cursor at `offset`. */
export function readCursorSequence(bytes: Uint8Array, offset: number): number {
  let sequence = 0;
  for (let i = offset + cursorLength - sequenceDigits; i < offset + cursorLength; i++) {
    sequence = sequence * 64 + digitValues[bytes[i]!]!;
  }
  return sequence;
}

/**
 * The sequence of a cursor of the log with this identity; undefined if it belongs to another log.
 */
export function parseCursor(identity: string, cursor: string): number | undefined {
  if (!cursor.startsWith(identity)) {
    return undefined;
  }
  let sequence = 0;
  for (const digit of cursor.slice(identity.length)) {
    sequence = sequence * 64 + digits.indexOf(digit);
  }
  return sequence;
}
