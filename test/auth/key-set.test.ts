import { generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { calculateJwkThumbprint } from "jose";
import { describe, expect, test } from "vitest";
import { parseSigningKeys } from "../../src/server/auth/keys/signing-key.js";
import { signingKeyAt } from "../../src/server/auth/keys/signing-keys.js";
import { makeStoredKey, signingAlgorithms } from "../../src/server/auth/keys/stored-key.js";
import { refusalText } from "./connect-errors.js";

const k = Buffer.from("0123456789abcdef0123456789abcdef").toString("base64url");
const pairOf = (type: "ed25519" | "x25519") =>
  generateKeyPairSync(type as "ed25519").privateKey.export({ format: "jwk" }) as JsonWebKey;
const pair = pairOf("ed25519");
const setOf = (...keys: unknown[]) => JSON.stringify({ keys });

describe("a key set", () => {
  test("may be one that another tool made", async () => {
    const keys = await parseSigningKeys(
      setOf({ ...pair, kid: "mine", key_ops: ["sign"] }, { kty: "oct", k, alg: "HS256" }),
      "test",
    );
    expect(keys.map(({ algorithm }) => algorithm)).toEqual(["EdDSA", "HS256"]);
    expect(keys[0]!.id).toBe("mine");
    expect(keys[1]!.id).toMatch(/^[\w-]{43}$/);
    expect(JSON.stringify(keys)).not.toContain(pair.d);
    await expect(crypto.subtle.exportKey("raw", keys[1]!.sign)).rejects.toThrow();
    await expect(crypto.subtle.exportKey("pkcs8", keys[0]!.sign)).rejects.toThrow();
  });

  const list = 'is not an object with the one field "keys", a list of 1 to 100';
  test.each([
    ['{"keys": [', "is not JSON"],
    ["{}", list],
    ['{"keys":[]}', list],
    ['{"keys":[],"more":1}', list],
    // Used as secrets, these could be known to anyone.
    [`[${JSON.stringify({ ...pair, d: undefined })}]`, list],
    [`\ufeff${setOf({ ...pair, d: undefined })}`, "is not JSON"],
    [setOf(...Array.from({ length: 101 }, () => pair)), list],
    [setOf("key"), "keys[0] is not an object"],
    [
      setOf({ kty: "RSA" }),
      'keys[0] is neither a secret ("kty": "oct", "k") nor a key pair ("kty": "OKP", "x", "d")',
    ],
    [
      setOf({ ...pair, d: undefined }),
      'keys[0] is neither a secret ("kty": "oct", "k") nor a key pair ("kty": "OKP", "x", "d")',
    ],
    [
      setOf(pairOf("x25519")),
      'keys[0] is neither a secret ("kty": "oct", "k") nor a key pair ("kty": "OKP", "x", "d")',
    ],
    [
      setOf({ ...pair, d: "AAAA" }),
      'keys[0] is a key pair whose "x" or "d" is damaged: "x" is not the public half of "d"',
    ],
    [
      setOf({ ...pair, x: pairOf("ed25519").x }),
      'keys[0] is a key pair whose "x" or "d" is damaged: "x" is not the public half of "d"',
    ],
    [
      setOf({ kty: "oct", k: k.slice(2) }),
      'keys[0] has 30 bytes, and a secret needs at least 32: make one with "openssl rand -base64 32"',
    ],
    [setOf({ kty: "oct", k, alg: "HS512" }), 'keys[0] has an "alg" that is not HS256'],
    [
      setOf({ kty: "oct", k, kid: "" }),
      'keys[0] has a "kid" that is not a text of 1 to 200 characters',
    ],
    [
      setOf({ kty: "oct", k, signs_from: 5 }),
      'keys[0] has a "signs_from" that is not a time such as "2025-01-31T12:00:00.000Z"',
    ],
    [
      setOf({ ...pair, kid: "a" }, { kty: "oct", k, kid: "a" }),
      'keys[0] and keys[1] are the same key, or have the same "kid"',
    ],
    [
      setOf({ ...pair, kid: "a" }, { ...pair, kid: "b" }),
      'keys[0] and keys[1] are the same key, or have the same "kid"',
    ],
  ])("is refused with the fault, and nothing of the keys: %#", async (content, fault) => {
    const text = await refusalText(() => parseSigningKeys(content, "the file"));
    expect(text).toBe(`FailedPrecondition: the file: ${fault}`);
  });
});

test("a key without an id has always the same one, made from it", async () => {
  const { x } = pair;
  const [one, two] = await parseSigningKeys(setOf(pair, { kty: "oct", k }), "test");
  expect(one!.id).toBe(await calculateJwkThumbprint({ kty: "OKP", crv: "Ed25519", x: x! }));
  const [alone] = await parseSigningKeys(Buffer.from(k, "base64url"), "test");
  expect(alone!.id).toBe(two!.id);
  // Tokens that are out name it.
  expect(two!.id).toBe("Esx_wDnIrSvvJFIaEHuNJd4Qvr5b8pDRXQCh6KoZGhs");
});

test.each(signingAlgorithms)("no new key (%s) has an id that looks like an option", (algorithm) => {
  const ids = Array.from({ length: 500 }, () => makeStoredKey(algorithm, 0).id);
  expect(ids.filter((id) => id.startsWith("-"))).toEqual([]);
});

describe("the key that signs", () => {
  const key = (name: string, signsFrom: number) => ({ name, signsFrom });
  test.each([
    [[key("a", 0)], "a"],
    [[key("a", 0), key("b", 50)], "b"],
    [[key("b", 50), key("a", 0)], "b"],
    [[key("a", 0), key("b", 100)], "b"],
    [[key("a", 0), key("b", 101)], "a"],
    [[key("a", 0), key("b", 0)], "b"],
    [[key("a", 300), key("b", 200)], "b"],
  ])("%#: began last", (keys, name) => {
    expect(signingKeyAt(keys, 100).name).toBe(name);
  });
});
