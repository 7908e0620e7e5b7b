import { notJson, notJsonString, unpairedSurrogate } from "../errors.js";

/** The beginning of nearly every message of a client. */
const quote = 0x22;

/**
 * Reads the text of a client's message: a JSON string. Throws `invalid_argument` if it is
 * something else.
 */
export function readPost(data: Buffer): string {
  let value: unknown;
  try {
    value = JSON.parse(data.toString());
  } catch {
    throw notJson();
  }
  if (typeof value !== "string") {
    throw notJsonString({ kind: kindOf(value) });
  }
  // An escape can stand for half a character, which no UTF-8 can.
  if (/\p{Surrogate}/u.test(value)) {
    throw unpairedSurrogate();
  }
  return value;
}

/** Whether a client's message is JSON's `null`. */
export function isNull(data: Buffer): boolean {
  return data[0] !== quote && /^[ \t\r\n]*null[ \t\r\n]*$/.test(data.toString("latin1"));
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? "an array" : `a JSON ${typeof value}`;
}
