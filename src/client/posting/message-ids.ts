import { invalidResendMs } from "../errors.js";

/**
 * How long a post may be sent again under its id, in milliseconds, unless set otherwise: half of
 * the time for which servers remember ids by default.
 */
export const defaultResendMs = 300_000;

/** 96 bits of chance: no two publishers, nor two runs of a program, have the same ids. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The same number of milliseconds. Throws a RangeError if it is not one. */
export function checkResendMs(resendMs: number): number {
  if (!(resendMs >= 0)) {
    throw invalidResendMs({ value: resendMs });
  }
  return resendMs;
}
