import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { refusal } from "./connect-errors.js";
import { ed25519, encode, forge, hmac, honest, secret } from "./forged-token.js";

const tokens = createTokens({ key: await parseSigningKey(secret, "test") });

async function expectInvalid(token: string, by = tokens) {
  const error = await refusal(() => by.verify(token));
  expect(error.code).toBe(Code.Unauthenticated);
  expect(error.rawMessage).toBe("invalid token");
  expect(error.cause).toBeInstanceOf(Error);
}

/** A token that is valid except for some claims; undefined leaves one out. */
function withClaims(changes: Record<string, unknown>): string {
  const { header, claims } = honest();
  return forge({ header, claims: { ...claims, ...changes } });
}

test("accepts the token that the attacks start from", async () => {
  expect(await tokens.verify(forge(honest()))).toMatchObject({ subject: "goa" });
});

describe("the algorithm", () => {
  test.each(["none", "None", "NONE", "nOnE", ""])("alg %j without a signature", async (alg) => {
    const token = forge({ header: { alg, typ: "JWT" }, claims: honest().claims }, () =>
      Buffer.alloc(0),
    );
    await expectInvalid(token);
    await expectInvalid(token.slice(0, -1));
  });

  test("HS256 without a signature", async () => {
    await expectInvalid(forge(honest(), () => Buffer.alloc(0)));
  });

  test.each([
    ["HS384", "sha384"],
    ["HS512", "sha512"],
  ])("%s by the right secret", async (alg, hash) => {
    const { claims } = honest();
    await expectInvalid(forge({ header: { alg, typ: "JWT" }, claims }, hmac(secret, hash)));
  });

  test("another name for the algorithm over the right signature", async () => {
    for (const alg of ["hs256", "EdDSA", "RS256", ["HS256"], null, undefined]) {
      await expectInvalid(forge({ header: { alg }, claims: honest().claims }));
    }
  });

  test("a signature by another secret", async () => {
    await expectInvalid(forge(honest(), hmac(`${secret}!`)));
  });

  test("a key that the token brings along", async () => {
    const jwk = { kty: "oct", k: Buffer.from("attacker").toString("base64url") };
    const { claims } = honest();
    for (const extra of [{ jwk }, { jku: "http://127.0.0.1:1/keys" }, { kid: "../../dev/null" }]) {
      await expectInvalid(forge({ header: { alg: "HS256", ...extra }, claims }, hmac("attacker")));
    }
  });

  test("an extension that must be understood", async () => {
    const header = { alg: "HS256", crit: ["exp2"], exp2: 1 };
    await expectInvalid(forge({ header, claims: honest().claims }));
  });
});

describe("a key pair", async () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  const pairTokens = createTokens({ key: await parseSigningKey(pem, "test") });
  const { claims } = honest();
  const header = { alg: "EdDSA" };

  test("accepts what the private key signed", async () => {
    const token = forge({ header, claims }, ed25519(privateKey));
    expect(await pairTokens.verify(token)).toMatchObject({ subject: "goa" });
  });

  test("refuses the public key used as a secret", async () => {
    const publicKey = createPublicKey(privateKey);
    for (const key of publicForms(publicKey)) {
      const token = forge({ header: { alg: "HS256" }, claims }, hmac(key));
      await expectInvalid(token, pairTokens);
      await expectInvalid(forge({ header, claims }, hmac(key)), pairTokens);
    }
  });

  test("refuses another pair's signature, and a secret's", async () => {
    const other = generateKeyPairSync("ed25519").privateKey;
    await expectInvalid(forge({ header, claims }, ed25519(other)), pairTokens);
    await expectInvalid(forge(honest()), pairTokens);
  });

  test("refuses the algorithm by its other name", async () => {
    const token = forge({ header: { alg: "Ed25519" }, claims }, ed25519(privateKey));
    await expectInvalid(token, pairTokens);
  });

  test("is refused by a server with a secret", async () => {
    await expectInvalid(forge({ header, claims }, ed25519(privateKey)));
  });
});

function publicForms(key: KeyObject): (string | Buffer)[] {
  const pem = key.export({ type: "spki", format: "pem" }) as string;
  const raw = Buffer.from(key.export({ format: "jwk" }).x!, "base64url");
  return [pem, pem.trim(), key.export({ type: "spki", format: "der" }), raw];
}

describe("the claims", () => {
  const now = Math.floor(Date.now() / 1000);

  test.each([
    ["iss", ["another", "", undefined, null, ["chatter"], "Chatter"]],
    ["aud", ["another", "", undefined, null, ["another"], []]],
    ["sub", [undefined, null, "", 7, ["goa"], { toString: "goa" }, "a\nb", "x".repeat(129)]],
    ["scopes", [undefined, null, "stream:write", [7], [["stream:write"]], {}]],
    ["jti", [undefined, null, "", 7]],
    ["iat", [undefined, null, "now"]],
    ["nbf", [undefined, null, "0", now + 60]],
    ["exp", [undefined, null, "9999999999", 0, -1, now - 1, now]],
  ])("%s", async (claim, values) => {
    for (const value of values) {
      await expectInvalid(withClaims({ [claim]: value }));
    }
  });

  test("changed after the signature", async () => {
    const [header, , signature] = forge(honest()).split(".");
    const { claims } = honest();
    for (const changes of [{ sub: "admin" }, { scopes: ["stream:write"] }, { exp: now + 9999 }]) {
      await expectInvalid(`${header}.${encode({ ...claims, ...changes })}.${signature}`);
    }
  });

  test("one character changed, anywhere", async () => {
    const token = forge(honest());
    for (let i = 0; i < token.length; i++) {
      const other = token[i] === "A" ? "B" : "A";
      await expectInvalid(`${token.slice(0, i)}${other}${token.slice(i + 1)}`);
    }
  });

  test("the same bytes written in another way", async () => {
    const token = forge(honest());
    // Two of the last digit's six bits count for nothing.
    for (const last of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= \n") {
      if (last !== token.at(-1)) {
        await expectInvalid(`${token.slice(0, -1)}${last}`);
      }
    }
    for (const end of ["=", "==", "\n", " ", "\0", "A"]) {
      await expectInvalid(`${token}${end}`);
    }
  });
});

describe("no token at all", () => {
  test.each([
    "",
    ".",
    "..",
    "...",
    "a.b",
    "a.b.c",
    "a.b.c.d.e",
    "null",
    "{}",
    "💬.💬.💬",
    "\0",
    "__proto__",
    "Bearer",
  ])("%j", async (token) => {
    await expectInvalid(token);
  });

  test("a token with a part missing, doubled, or with blanks round it", async () => {
    const token = forge(honest());
    const [header, claims, signature] = token.split(".");
    const broken = [`${header}.${claims}`, `${header}.${signature}`, `${claims}.${signature}`];
    for (const text of [...broken, `${token}.${signature}`, ` ${token}`, `${token}\n`]) {
      await expectInvalid(text);
    }
  });

  test("claims that are no object", async () => {
    for (const claims of [null, [], "text", 7, [honest().claims]]) {
      await expectInvalid(forge({ header: honest().header, claims }));
    }
  });

  test("a token that is huge, though signed right", async () => {
    await expectInvalid(withClaims({ padding: "x".repeat(8192) }));
    await expectInvalid("x".repeat(10_000_000));
    await expectInvalid(".".repeat(1_000_000));
  });
});
