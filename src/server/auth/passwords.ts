import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { invalidPassword, malformedPasswordHash, passwordHashCost } from "./errors.js";

/** The cost of one hash; memory is `128 * 2 ** logN * r` bytes, time grows with all three. */
export interface PasswordCost {
  /** The base-2 logarithm of scrypt's N, 1 to 20. */
  readonly logN: number;
  /** Scrypt's block size, 1 to 32. */
  readonly r: number;
  /** Scrypt's sequential passes, 1 to 16. */
  readonly p: number;
}

/**
 * About 300 ms and 32 MiB. OWASP's password storage sheet lists N = 2^17, r = 8, p = 1 (128 MiB)
 * and these values as equally hard to attack; a message server has better uses for the memory, and
 * a login is as slow either way.
 */
export const defaultPasswordCost: PasswordCost = { logN: 15, r: 8, p: 3 };

/** Bytes of UTF-8 in the longest password. */
export const maxPasswordBytes = 1024;

const maxMemory = 512 * 1024 * 1024;
const saltBytes = 16;
const hashBytes = 32;

// PHC string format, which other tools write too: base64 without padding, a salt of 8 to 64 bytes,
// a hash of 16 to 64 (an empty one would equal any).
const format =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

interface PasswordHash {
  readonly cost: PasswordCost;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/**
 * A salted hash that states how it was made: `$scrypt$ln=15,r=8,p=3$SALT$HASH`.
 *
 * The password has 1 to 1,024 bytes of UTF-8 and no control characters (as HTTP Basic requires),
 * and is normalized to Unicode's form NFC, because keyboards differ in how they compose an accent.
 * Rejects with `invalid_argument` for another password or cost.
 */
export async function hashPassword(
  password: string,
  cost: PasswordCost = defaultPasswordCost,
): Promise<string> {
  const fault = passwordFault(password);
  if (fault !== undefined) {
    throw invalidPassword({ fault });
  }
  checkCost(cost);
  const salt = randomBytes(saltBytes);
  return formatHash(cost, salt, await derive(password, cost, salt, hashBytes));
}

/**
 * Whether the hash was made from this password. Always does all the work that the hash asks for,
 * and compares in constant time. Rejects with `invalid_argument` if it is not a valid hash.
 */
export async function verifyPassword(password: string, passwordHash: string): Promise<boolean> {
  const { cost, salt, hash } = parseHash(passwordHash);
  const same = timingSafeEqual(await derive(password, cost, salt, hash.length), hash);
  // Scrypt pads with zeros: it cannot distinguish "rocks" from "rocks\0".
  return same && passwordFault(password) === undefined;
}

/** The cost that a hash was made with. Throws `invalid_argument` if it is not a valid hash. */
export function passwordCost(passwordHash: string): PasswordCost {
  return parseHash(passwordHash).cost;
}

/** A hash of this cost that no password matches: to do the same work for an unknown user. */
export function dummyHash(cost: PasswordCost): string {
  return formatHash(cost, randomBytes(saltBytes), randomBytes(hashBytes));
}

function passwordFault(password: string): string | undefined {
  const bytes = Buffer.byteLength(password);
  if (bytes < 1 || bytes > maxPasswordBytes) {
    return `has ${bytes} bytes of UTF-8, not 1 to ${maxPasswordBytes}`;
  }
  // A lone surrogate cannot be written as UTF-8: two such passwords would be one.
  return /[\p{Cc}\p{Cs}]/u.test(password)
    ? "has a control character or a lone surrogate in it"
    : undefined;
}

function derive(
  password: string,
  { logN, r, p }: PasswordCost,
  salt: Buffer,
  length: number,
): Promise<Buffer> {
  const N = 2 ** logN;
  return new Promise((resolve, reject) => {
    // OpenSSL needs slightly more than 128 * N * r; Node's own limit is 32 MiB.
    const options = { N, r, p, maxmem: 256 * (N + p) * r };
    scrypt(password.normalize("NFC"), salt, length, options, (error, derived) =>
      error ? reject(error) : resolve(derived),
    );
  });
}

function parseHash(text: string): PasswordHash {
  const [match, logN, r, p, salt, hash] = format.exec(text) ?? [];
  if (match === undefined) {
    // The text is not quoted: it may be a password put in the wrong place.
    throw malformedPasswordHash();
  }
  const cost = { logN: Number(logN), r: Number(r), p: Number(p) };
  checkCost(cost);
  return {
    cost,
    salt: Buffer.from(salt!, "base64"),
    hash: Buffer.from(hash!, "base64"),
  };
}

function checkCost({ logN, r, p }: PasswordCost): void {
  const inRange = (value: number, max: number) =>
    Number.isInteger(value) && value >= 1 && value <= max;
  if (!inRange(logN, 20) || !inRange(r, 32) || !inRange(p, 16) || 128 * 2 ** logN * r > maxMemory) {
    throw passwordHashCost({ ln: logN, r, p });
  }
}

function formatHash({ logN, r, p }: PasswordCost, salt: Buffer, hash: Buffer): string {
  const encode = (bytes: Buffer) => bytes.toString("base64").replaceAll("=", "");
  return `$scrypt$ln=${logN},r=${r},p=${p}$${encode(salt)}$${encode(hash)}`;
}
