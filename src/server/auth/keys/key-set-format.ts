import { createPrivateKey } from "node:crypto";
import { type Fail, failureOf, isRecord, parseJson, timeOf } from "../json-record.js";
import { algorithmOf, type StoredKey, storedKeyPair, storedSecret } from "./stored-key.js";

/** No file has more keys: a token without `kid` is tried with each. */
const maxKeys = 100;
const maxIdLength = 200;

/**
 * Whether a file's bytes, as Latin-1, are a key set, or are meant to be one: a JSON object, or a
 * list of objects, perhaps after a byte order mark. No secret of random text begins like this.
 */
export function isKeySet(text: string): boolean {
  return /^(?:\xef\xbb\xbf)?\s*(?:\{\s*["}]|\[\s*\{)/.test(text);
}

/**
 * The keys of a JSON Web Key Set (RFC 7517) with their private parts, and the time from which each
 * signs:
 *
 *     { "keys": [{ "kty", "kid", …, "signs_from": "2025-01-31T12:00:00.000Z" }, …] }
 *
 * Throws `failed_precondition` that begins with `source` and says what is wrong where. No part of a
 * key is quoted.
 */
export function parseKeySet(text: string, source: string): StoredKey[] {
  const fail = failureOf(source);
  const content = parseJson(text, fail);
  const list = isRecord(content, ["keys"]) ? content.keys : undefined;
  if (!Array.isArray(list) || list.length === 0 || list.length > maxKeys) {
    return fail(`is not an object with the one field "keys", a list of 1 to ${maxKeys}`);
  }
  const places = new Map<string, number>();
  return list.map((entry: unknown, index) => {
    const place = `keys[${index}]`;
    const key = parseKey(entry, `${source}: ${place}`, (fault) => fail(`${place} ${fault}`));
    for (const name of new Set([key.id, key.thumbprint])) {
      const before = places.get(name);
      if (before !== undefined) {
        fail(`keys[${before}] and ${place} are the same key, or have the same "kid"`);
      }
      places.set(name, index);
    }
    return key;
  });
}

/** The text of a file with these keys. */
export function formatKeySet(keys: readonly StoredKey[]): string {
  const content = {
    keys: keys.map((key) => ({
      ...key.jwk,
      kid: key.id,
      alg: algorithmOf(key),
      use: "sig",
      signs_from: new Date(key.signsFrom).toISOString(),
    })),
  };
  return `${JSON.stringify(content, undefined, 2)}\n`;
}

/** Unknown fields are ignored, as RFC 7517 requires. */
function parseKey(entry: unknown, source: string, fail: Fail): StoredKey {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
    return fail("is not an object");
  }
  const { kid, alg, signs_from: from } = entry as Record<string, unknown>;
  const key = keyOf(entry as Record<string, unknown>, source, fail);
  if (alg !== undefined && alg !== algorithmOf(key)) {
    return fail(`has an "alg" that is not ${algorithmOf(key)}`);
  }
  const id = kid ?? key.id;
  if (typeof id !== "string" || id === "" || id.length > maxIdLength) {
    return fail(`has a "kid" that is not a text of 1 to ${maxIdLength} characters`);
  }
  const signsFrom = from === undefined ? 0 : timeOf(from);
  if (signsFrom === undefined) {
    return fail('has a "signs_from" that is not a time such as "2025-01-31T12:00:00.000Z"');
  }
  return { ...key, id, signsFrom };
}

/** New versions of Node refuse halves that do not match; old ones take "d" alone. */
const damagedPair = 'is a key pair whose "x" or "d" is damaged: "x" is not the public half of "d"';

function keyOf(entry: Record<string, unknown>, source: string, fail: Fail): StoredKey {
  const { kty, crv, k, x, d } = entry;
  if (kty === "oct" && typeof k === "string") {
    return storedSecret(Buffer.from(k, "base64url"), source);
  }
  if (kty === "OKP" && crv === "Ed25519" && typeof d === "string" && typeof x === "string") {
    const key = storedKeyPair(privateKeyOf({ kty, crv, x, d }, fail), source);
    return key.jwk.kty === "OKP" && key.jwk.x === x ? key : fail(damagedPair);
  }
  return fail('is neither a secret ("kty": "oct", "k") nor a key pair ("kty": "OKP", "x", "d")');
}

function privateKeyOf(key: Record<string, string>, fail: Fail) {
  try {
    return createPrivateKey({ key, format: "jwk" });
  } catch {
    return fail(damagedPair);
  }
}
