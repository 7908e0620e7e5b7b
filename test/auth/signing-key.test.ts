import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import {
  parseSigningKey,
  readSigningKey,
  type SigningKey,
} from "../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { tempDir } from "../support/temp-dir.js";
import { refusalText } from "./connect-errors.js";

const secret = "0123456789abcdef0123456789abcdef";

/** Whether a token signed by one is accepted by the other. */
async function accepts(signer: SigningKey, checker: SigningKey): Promise<boolean> {
  const { token } = await createTokens({ key: signer }).issue({ subject: "goa", scopes: [] });
  return createTokens({ key: checker })
    .verify(token)
    .then(
      () => true,
      () => false,
    );
}

async function keyFile(content: string | Buffer): Promise<string> {
  const path = join(tempDir(), "key");
  await writeFile(path, content);
  return path;
}

describe("a secret", () => {
  test("of 32 bytes is enough", async () => {
    const key = await parseSigningKey(secret, "CHATTER_SIGNING_KEY");
    expect(key.algorithm).toBe("HS256");
    expect(await accepts(key, key)).toBe(true);
  });

  test.each(["", "\n", "short", secret.slice(1), `${secret.slice(1)}\n`, `${secret.slice(2)}\n\n`])(
    "%j is refused with what it has and what it needs",
    async (content) => {
      const text = await refusalText(() => parseSigningKey(content, "CHATTER_SIGNING_KEY"));
      expect(text).toMatch(
        /^FailedPrecondition: CHATTER_SIGNING_KEY has \d+ bytes, and a secret needs at least 32: make one with "openssl rand -base64 32"$/,
      );
      const trimmed = content.replace(/\n$/, "");
      expect(text).toContain(` has ${trimmed.length} bytes`);
      if (trimmed !== "") {
        expect(text).not.toContain(trimmed);
      }
    },
  );

  test("is the same from a file with a line end as from a variable without", async () => {
    const key = await parseSigningKey(secret, "test");
    for (const end of ["", "\n", "\r\n"]) {
      expect(await accepts(key, await readSigningKey(await keyFile(secret + end)))).toBe(true);
    }
    for (const other of [`${secret}\n\n`, `${secret} `, ` ${secret}`]) {
      expect(await accepts(key, await readSigningKey(await keyFile(other)))).toBe(false);
    }
  });

  test("may be any bytes", async () => {
    const bytes = Buffer.from("ff00fe01fd02fc03".repeat(4), "hex");
    const other = Buffer.from("ff00fe01fd02fc04".repeat(4), "hex");
    const key = await readSigningKey(await keyFile(bytes));
    expect(await accepts(key, await parseSigningKey(bytes, "test"))).toBe(true);
    expect(await accepts(key, await parseSigningKey(other, "test"))).toBe(false);
  });

  test("may be in a file that others can read, as mounted secrets are", async () => {
    const path = await keyFile(secret);
    await chmod(path, 0o644);
    expect((await readSigningKey(path)).algorithm).toBe("HS256");
  });

  test("does not show", async () => {
    const key = await parseSigningKey(secret, "test");
    expect(inspect(key, { depth: 9, showHidden: true })).not.toContain(secret);
    expect(JSON.stringify(key)).not.toContain(secret);
    await expect(crypto.subtle.exportKey("raw", key.sign)).rejects.toThrow();
  });
});

describe("a key pair", () => {
  const pemOf = ({ privateKey }: { privateKey: KeyObject }) =>
    privateKey.export({ type: "pkcs8", format: "pem" }) as string;

  test("is made from its private key", async () => {
    const pem = pemOf(generateKeyPairSync("ed25519"));
    const key = await readSigningKey(await keyFile(pem));
    expect(key.algorithm).toBe("EdDSA");
    expect(await accepts(key, await parseSigningKey(pem, "test"))).toBe(true);
    const other = await parseSigningKey(pemOf(generateKeyPairSync("ed25519")), "test");
    expect(await accepts(key, other)).toBe(false);
    await expect(crypto.subtle.exportKey("pkcs8", key.sign)).rejects.toThrow();
  });

  test("is refused if it is public, of another kind, locked or damaged", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const locked = privateKey.export({
      type: "pkcs8",
      format: "pem",
      cipher: "aes-256-cbc",
      passphrase: "x",
    });
    const pems = [
      publicKey.export({ type: "spki", format: "pem" }),
      pemOf(generateKeyPairSync("rsa", { modulusLength: 2048 })),
      pemOf(generateKeyPairSync("ec", { namedCurve: "P-256" })),
      pemOf(generateKeyPairSync("x25519")),
      locked,
      `-----BEGIN PRIVATE KEY-----\n${"A".repeat(64)}\n-----END PRIVATE KEY-----\n`,
      `# a comment\n${publicKey.export({ type: "spki", format: "pem" })}`,
    ];
    for (const pem of pems) {
      expect(await refusalText(() => parseSigningKey(pem, "the key"))).toMatch(
        /^FailedPrecondition: the key is .*needs the private key of Ed25519 in PEM: make one with/,
      );
    }
  });
});

describe("a file", () => {
  test("that is not there, or is none", async () => {
    const dir = tempDir();
    expect(await refusalText(() => readSigningKey(join(dir, "no-key")))).toMatch(
      /^NotFound: signing key file ".*no-key" does not exist: make one with/,
    );
    expect(await refusalText(() => readSigningKey(dir))).toMatch(
      /^FailedPrecondition: signing key file ".*" cannot be read \(it is a folder\)$/,
    );
  });
});
