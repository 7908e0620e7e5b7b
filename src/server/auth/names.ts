import type { ConnectError } from "@connectrpc/connect";
import { invalidUserName } from "./errors.js";

/** Bytes of UTF-8 in the longest name. */
export const maxNameBytes = 128;

/**
 * Accepts valid subjects of a token: 1 to 128 bytes of UTF-8 without control characters (they are
 * shown on terminals and in logs). Throws `invalid_argument` for others.
 */
export function checkSubject(subject: string): void {
  if (subject === "" || Buffer.byteLength(subject) > maxNameBytes) {
    throw refusal(subject, `has ${Buffer.byteLength(subject)} bytes of UTF-8, not 1 to 128`);
  }
  // A lone surrogate cannot be written as UTF-8: two such names would become one.
  if (/[\p{Cc}\p{Cs}]/u.test(subject)) {
    throw refusal(subject, "has a control character or a lone surrogate in it");
  }
}

/**
 * Accepts valid names of accounts: subjects without a colon, because in HTTP Basic the password
 * begins after the first colon. Throws `invalid_argument` for others.
 */
export function checkUserName(name: string): void {
  checkSubject(name);
  if (name.includes(":")) {
    throw refusal(name, "has a colon in it, which cannot be sent by HTTP Basic");
  }
}

function refusal(name: string, fault: string): ConnectError {
  const shown = name.length > maxNameBytes ? `${name.slice(0, 16)}…` : name;
  return invalidUserName({ name: JSON.stringify(shown), fault });
}
