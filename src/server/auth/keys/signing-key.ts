import { webcrypto } from "node:crypto";
import { ConnectError } from "@connectrpc/connect";
import { systemReason } from "../../../errors/system-reason.js";
import { readGuardedFile } from "../../util/guarded-file.js";
import { keyMissing, keyUnreadable, severalKeys } from "./errors.js";
import { isKeySet, parseKeySet } from "./key-set-format.js";
import {
  algorithmOf,
  type KeyPairJwk,
  type SecretJwk,
  type SigningAlgorithm,
  type StoredKey,
  storedKeyPairFromPem,
  storedSecret,
} from "./stored-key.js";

/** What tokens are signed and checked with. Printing it reveals nothing about the secret. */
export interface SigningKey {
  /** The `kid` of the tokens that it signs. */
  readonly id: string;
  /** Distinguishes this key from every other, and reveals nothing about the secret. */
  readonly thumbprint: string;
  /** The `alg` of every token, and the only one that is accepted. */
  readonly algorithm: SigningAlgorithm;
  /** The time from which it signs, unless a later key does; in milliseconds since 1970. */
  readonly signsFrom: number;
  readonly sign: webcrypto.CryptoKey;
  /** The same secret (HS256), or the public key (EdDSA). */
  readonly verify: webcrypto.CryptoKey;
  /** The public key, to be published. A secret has none. */
  readonly publicKey: PublicKey | undefined;
}

/** A public key as a JSON Web Key (RFC 8037). */
export interface PublicKey {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly kid: string;
  readonly alg: "EdDSA";
  readonly use: "sig";
}

/**
 * The keys in a file: a secret of at least 32 bytes (HS256), an Ed25519 private key in PEM (EdDSA),
 * or a set of such keys as `chatter key` makes it. Rejects with `not_found` if the file does not
 * exist, or with `failed_precondition` if it is invalid.
 *
 * A file that others may read is accepted, because mounted secrets often are readable. One that
 * others may write is not.
 */
export async function readSigningKeys(path: string): Promise<readonly SigningKey[]> {
  const source = `signing key file ${JSON.stringify(path)}`;
  let content: Buffer;
  try {
    content = await readGuardedFile(path, source);
  } catch (cause) {
    throw unreadable(source, cause);
  }
  return parseSigningKeys(content, source);
}

/**
 * The keys in a file's content or an environment variable's value. `source` names the place
 * in errors, such as "CHATTER_SIGNING_KEY". Rejects with `failed_precondition`.
 */
export async function parseSigningKeys(
  content: Buffer | string,
  source: string,
): Promise<readonly SigningKey[]> {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  return Promise.all(parseStoredKeys(bytes, source).map(importKey));
}

/** The only key in a file that must have just one, as {@link readSigningKeys}. */
export async function readSigningKey(path: string): Promise<SigningKey> {
  return onlyOne(await readSigningKeys(path), `signing key file ${JSON.stringify(path)}`);
}

/** The only key in a content that must have just one, as {@link parseSigningKeys}. */
export async function parseSigningKey(
  content: Buffer | string,
  source: string,
): Promise<SigningKey> {
  return onlyOne(await parseSigningKeys(content, source), source);
}

/**
 * The keys in a file's content, with their secrets. The bytes of a secret are used unchanged,
 * without a final line end. Throws as {@link parseSigningKeys}.
 */
export function parseStoredKeys(content: Buffer, source: string): StoredKey[] {
  const text = content.toString("latin1");
  if (isKeySet(text)) {
    return parseKeySet(content.toString(), source);
  }
  // A public key or a certificate is public: if it were used as a secret, anyone could make tokens.
  return text.includes("-----BEGIN ")
    ? [storedKeyPairFromPem(text, source)]
    : [storedSecret(content.subarray(0, text.replace(/\r?\n$/, "").length), source)];
}

function onlyOne(keys: readonly SigningKey[], source: string): SigningKey {
  const [key] = keys;
  if (keys.length > 1) {
    throw severalKeys({ source, count: keys.length });
  }
  return key!;
}

async function importKey(stored: StoredKey): Promise<SigningKey> {
  const { id, thumbprint, signsFrom, jwk } = stored;
  const halves = jwk.kty === "oct" ? await importSecret(jwk) : await importKeyPair(jwk, id);
  return { id, thumbprint, algorithm: algorithmOf(stored), signsFrom, ...halves };
}

type Halves = Pick<SigningKey, "sign" | "verify" | "publicKey">;

async function importSecret({ k }: SecretJwk): Promise<Halves> {
  const key = await webcrypto.subtle.importKey(
    "raw",
    Buffer.from(k, "base64url"),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign", "verify"],
  );
  return { sign: key, verify: key, publicKey: undefined };
}

async function importKeyPair({ kty, crv, x, d }: KeyPairJwk, id: string): Promise<Halves> {
  const { subtle } = webcrypto;
  return {
    sign: await subtle.importKey("jwk", { kty, crv, x, d }, "Ed25519", false, ["sign"]),
    verify: await subtle.importKey("jwk", { kty, crv, x }, "Ed25519", true, ["verify"]),
    publicKey: { kty, crv, x, kid: id, alg: "EdDSA", use: "sig" },
  };
}

function unreadable(source: string, cause: unknown): ConnectError {
  if (cause instanceof ConnectError) {
    return cause;
  }
  const code = (cause as NodeJS.ErrnoException).code;
  return code === "ENOENT"
    ? keyMissing({ source, cause })
    : keyUnreadable({ source, reason: systemReason(cause), cause });
}
