import { createPrivateKey, createPublicKey, type KeyObject, webcrypto } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Code, ConnectError } from "@connectrpc/connect";

/** What tokens are signed and checked with. Shown anywhere, it tells nothing of the secret. */
export interface SigningKey {
  /** The `alg` of every token, and the only one that is accepted. */
  readonly algorithm: "HS256" | "EdDSA";
  readonly sign: webcrypto.CryptoKey;
  /** The same secret (HS256), or the public key (EdDSA, may be exported). */
  readonly verify: webcrypto.CryptoKey;
}

const minSecretBytes = 32;

/**
 * The key in a file: a secret of at least 32 bytes (HS256), or an Ed25519 private key in
 * PEM (EdDSA). Rejects with `not_found` if the file is not there, with
 * `failed_precondition` saying what is wrong with it.
 *
 * A file that others may read is taken: mounted secrets often are like that.
 */
export async function readSigningKey(path: string): Promise<SigningKey> {
  const source = `signing key file ${JSON.stringify(path)}`;
  let content: Buffer;
  try {
    content = await readFile(path);
  } catch (cause) {
    throw unreadable(source, cause);
  }
  return parseSigningKey(content, source);
}

/**
 * The key in a file's content or an environment variable's value. A secret's bytes are
 * taken as they are but for one line end after them. `source` names the place in errors,
 * such as "CHATTER_SIGNING_KEY". Rejects with `failed_precondition`.
 */
export async function parseSigningKey(
  content: Buffer | string,
  source: string,
): Promise<SigningKey> {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const text = bytes.toString("latin1");
  // A public key or a certificate is public: taken for a secret, anyone could make tokens.
  return text.includes("-----BEGIN ")
    ? keyPairFromPem(text, source)
    : secretKey(bytes.subarray(0, text.replace(/\r?\n$/, "").length), source);
}

async function secretKey(secret: Buffer, source: string): Promise<SigningKey> {
  if (secret.length < minSecretBytes) {
    throw new ConnectError(
      `${source} has ${secret.length} bytes, and a secret needs at least ${minSecretBytes}: ` +
        'make one with "openssl rand -base64 32"',
      Code.FailedPrecondition,
    );
  }
  const key = await webcrypto.subtle.importKey(
    "raw",
    secret,
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign", "verify"],
  );
  return { algorithm: "HS256", sign: key, verify: key };
}

async function keyPairFromPem(pem: string, source: string): Promise<SigningKey> {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch (cause) {
    throw noKeyPair(source, "is not a private key, or has a passphrase", cause);
  }
  if (privateKey.asymmetricKeyType !== "ed25519") {
    throw noKeyPair(source, `is a key of the type ${privateKey.asymmetricKeyType}`);
  }
  const pkcs8 = privateKey.export({ type: "pkcs8", format: "der" });
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  return {
    algorithm: "EdDSA",
    sign: await webcrypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]),
    verify: await webcrypto.subtle.importKey("spki", spki, "Ed25519", true, ["verify"]),
  };
}

function noKeyPair(source: string, fault: string, cause?: unknown): ConnectError {
  return new ConnectError(
    `${source} ${fault}, and a key pair needs the private key of Ed25519 in PEM: ` +
      'make one with "openssl genpkey -algorithm ed25519"',
    Code.FailedPrecondition,
    undefined,
    undefined,
    cause,
  );
}

function unreadable(source: string, cause: unknown): ConnectError {
  const code = (cause as NodeJS.ErrnoException).code;
  return code === "ENOENT"
    ? new ConnectError(
        `${source} is not there: make one with "openssl rand -base64 32"`,
        Code.NotFound,
        undefined,
        undefined,
        cause,
      )
    : new ConnectError(
        `${source} cannot be read (${code})`,
        Code.FailedPrecondition,
        undefined,
        undefined,
        cause,
      );
}
