import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { notAKeyPair, shortSecret } from "./errors.js";

/** What tokens can be signed with: a secret (HS256), or a key pair of Ed25519 (EdDSA). */
export const signingAlgorithms = ["EdDSA", "HS256"] as const;

export type SigningAlgorithm = (typeof signingAlgorithms)[number];

/** A key as it is stored in files, including its secret. */
export interface StoredKey {
  /** The `kid` of the tokens that it signs. */
  readonly id: string;
  /**
   * Distinguishes this key from every other, and reveals nothing about the secret. The id, unless
   * one is given.
   */
  readonly thumbprint: string;
  /** The time from which it signs, unless a later key does; in milliseconds since 1970. */
  readonly signsFrom: number;
  readonly jwk: SecretJwk | KeyPairJwk;
}

/** A secret as a JSON Web Key (RFC 7518, 6.4). */
export interface SecretJwk {
  readonly kty: "oct";
  readonly k: string;
}

/** A key pair as a JSON Web Key (RFC 8037). */
export interface KeyPairJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly d: string;
}

const minSecretBytes = 32;

/** A new random key. */
export function makeStoredKey(algorithm: SigningAlgorithm, signsFrom: number): StoredKey {
  const key =
    algorithm === "HS256"
      ? storedSecret(randomBytes(minSecretBytes), "the new key")
      : storedKeyPair(generateKeyPairSync("ed25519").privateKey, "the new key");
  // On a command line, such an id would be parsed as an option.
  return key.id.startsWith("-") ? makeStoredKey(algorithm, signsFrom) : { ...key, signsFrom };
}

/**
 * A secret in stored form. Throws `failed_precondition`, beginning with `source`, if it has less
 * than 32 bytes.
 */
export function storedSecret(secret: Buffer, source: string): StoredKey {
  if (secret.length < minSecretBytes) {
    throw shortSecret({ source, bytes: secret.length, least: minSecretBytes });
  }
  // Cannot be reversed, and is in every token that the secret signs.
  const thumbprint = createHmac("sha256", secret).update("chatter key id").digest("base64url");
  const jwk: SecretJwk = { kty: "oct", k: secret.toString("base64url") };
  return { id: thumbprint, thumbprint, signsFrom: 0, jwk };
}

/**
 * A key pair in stored form. Throws `failed_precondition`, beginning with `source`, if it is not a
 * valid one of Ed25519.
 */
export function storedKeyPair(privateKey: KeyObject, source: string): StoredKey {
  if (privateKey.asymmetricKeyType !== "ed25519") {
    throw notAKeyPair({ source, fault: `is a key of the type ${privateKey.asymmetricKeyType}` });
  }
  // The public half is computed from the private one, whatever was given.
  const { x } = createPublicKey(privateKey).export({ format: "jwk" }) as { x: string };
  const { d } = privateKey.export({ format: "jwk" }) as { d: string };
  // RFC 7638.
  const thumbprint = hash("sha256", `{"crv":"Ed25519","kty":"OKP","x":"${x}"}`, "base64url");
  return { id: thumbprint, thumbprint, signsFrom: 0, jwk: { kty: "OKP", crv: "Ed25519", x, d } };
}

/** Throws as {@link storedKeyPair}, and if it is not a private key, or has a passphrase. */
export function storedKeyPairFromPem(pem: string, source: string): StoredKey {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch (cause) {
    throw notAKeyPair({ source, fault: "is not a private key, or has a passphrase", cause });
  }
  return storedKeyPair(privateKey, source);
}

/** The algorithm of the tokens that a key signs. */
export function algorithmOf({ jwk }: StoredKey): SigningAlgorithm {
  return jwk.kty === "oct" ? "HS256" : "EdDSA";
}
