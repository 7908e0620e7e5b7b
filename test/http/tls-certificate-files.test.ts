import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readCertificate } from "../../src/server/http/tls/certificate.js";
import { createAuthority } from "../support/certificates.js";
import { runServe } from "../support/run-serve.js";
import { tempDir } from "../support/temp-dir.js";

const authority = createAuthority();
const right = authority.issue();

/** Writes the two files and returns the outcome of reading them. */
async function read(cert: string | undefined, key: string | undefined) {
  const dir = tempDir();
  const files = { certFile: join(dir, "tls.crt"), keyFile: join(dir, "tls.key") };
  for (const [file, content] of [
    [files.certFile, cert],
    [files.keyFile, key],
  ] as const) {
    if (content !== undefined) {
      writeFileSync(file, content);
    }
  }
  return readCertificate(files).catch((error) => error.rawMessage.replaceAll(`${dir}/`, ""));
}

test("a pair that fits is taken, with its names and dates", async () => {
  const to = new Date("2090-01-02T03:04:05Z");
  const { cert, key } = authority.issue({ names: ["chatter.example", "192.0.2.1"], to });
  expect(await read(cert, key)).toMatchObject({
    names: "DNS:chatter.example, IP Address:192.0.2.1",
    validTo: to,
  });
  expect(await read(cert + authority.cert, key)).toMatchObject({ validTo: to });
});

describe("what cannot be used is refused, and the message says which file and why", () => {
  const encrypted = generateKeyPairSync("ed25519").privateKey.export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "secret",
  }) as string;
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;

  test.each<[string, string | undefined, string | undefined, string]>([
    ["no certificate file", undefined, right.key, 'the certificate file "tls.crt" does not exist'],
    ["no key file", right.cert, undefined, 'the key file "tls.key" does not exist'],
    [
      "an empty certificate",
      "",
      right.key,
      'the certificate file "tls.crt" does not begin with a certificate in PEM',
    ],
    [
      "the two exchanged",
      right.key,
      right.cert,
      'the certificate file "tls.crt" does not begin with a certificate in PEM',
    ],
    [
      "half a certificate",
      right.cert.slice(0, 300),
      right.key,
      'the certificate file "tls.crt" does not begin with a certificate in PEM',
    ],
    [
      "an invalid key",
      right.cert,
      "key",
      'the key file "tls.key" has no private key in PEM, or one with a passphrase',
    ],
    [
      "a key with a passphrase",
      right.cert,
      encrypted,
      'the key file "tls.key" has no private key in PEM, or one with a passphrase',
    ],
    [
      "another certificate's key",
      right.cert,
      authority.issue().key,
      'the key file "tls.key" does not have the key of the first certificate in the certificate file "tls.crt"',
    ],
    [
      "a key of another kind",
      right.cert,
      rsa.export({ type: "pkcs8", format: "pem" }) as string,
      'the key file "tls.key" does not have the key of the first certificate in the certificate file "tls.crt"',
    ],
    [
      "a chain that breaks off",
      right.cert + authority.cert.slice(0, 300),
      right.key,
      expect.stringMatching(/^the certificate file "tls\.crt" cannot be used: /),
    ],
  ])("%s", async (_, cert, key, message) => {
    expect(await read(cert, key)).toEqual(message);
  });

  test("a folder", async () => {
    const dir = tempDir();
    const files = { certFile: dir, keyFile: dir };
    await expect(readCertificate(files)).rejects.toThrow(/cannot be read \(it is a folder\)/);
  });
});

describe("chatter serve does not start", () => {
  const memory = ["--demo", "--log", "memory", "--port", "0"];

  test("with one of the two flags", async () => {
    const dir = tempDir();
    for (const flag of ["--tls-cert", "--tls-key"]) {
      const { status, errors } = await runServe([...memory, "--data-dir", dir, flag, "tls.pem"]);
      expect(status).toBe(2);
      expect(errors).toContain("--tls-cert and --tls-key belong together: give both for TLS");
    }
  });

  test("with files that cannot be used", async () => {
    const dir = tempDir();
    const { status, errors } = await runServe([...memory, "--data-dir", dir], {
      CHATTER_TLS_CERT: join(dir, "tls.crt"),
      CHATTER_TLS_KEY: join(dir, "tls.key"),
    });
    expect(status).not.toBe(0);
    expect(errors).toContain(`the certificate file "${join(dir, "tls.crt")}" does not exist`);
  });
});
