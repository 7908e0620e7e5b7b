import { createPublicKey } from "node:crypto";
import { join } from "node:path";
import { Code, createClient } from "@connectrpc/connect";
import { decodeJwt } from "jose";
import { describe, expect, test } from "vitest";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { createIssuerKeys } from "../../src/server/auth/issuer/issuer-keys.js";
import {
  createIssuerTokens,
  type IssuerTokensOptions,
} from "../../src/server/auth/issuer/issuer-tokens.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createRevocations } from "../../src/server/auth/revocations/revocations.js";
import { tokenIdOf } from "../../src/server/auth/token-id.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { demoUsers } from "../../src/server/auth/users/demo-users.js";
import { runHere } from "../support/cli-here.js";
import { startServe } from "../support/serve.js";
import { collect, errorOf } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { connectWire, transportOf, withToken } from "../support/wires.js";
import { refusal, refusalText } from "./connect-errors.js";
import { createKey, startIssuer } from "./fake-issuer.js";
import { ed25519, forge, hmac } from "./forged-token.js";

const rsa = await createKey("RS256", "rsa");
const name = "login.example.com/realms/main:goa";

async function start(options: Partial<IssuerTokensOptions> = {}, key = rsa) {
  const issuer = await startIssuer(key);
  const keys = createIssuerKeys({ url: issuer.url, onError: () => {} });
  const outside = createIssuerTokens({
    issuer: issuer.name,
    audience: "chatter",
    keys,
    ...options,
  });
  return { issuer, outside };
}

describe("a token of an outside issuer", () => {
  test.each(["RS256", "PS256", "ES256", "EdDSA"])("is accepted with %s", async (alg) => {
    const { issuer, outside } = await start({}, await createKey(alg, "a-key"));
    const token = await issuer.sign({ jti: "an-id" });
    const { iat, exp } = decodeJwt(token);
    expect(await outside.verify(token)).toEqual({
      subject: name,
      scopes: ["stream:read"],
      tokenId: "an-id",
      issuedAt: iat! * 1000,
      expiresAt: exp! * 1000,
    });
    expect(issuer.fetches).toBe(1);
  });

  test("is for nobody of the server's own accounts", async () => {
    const { issuer, outside } = await start();
    const tokens = createTokens({ key: await parseSigningKey("k".repeat(32), "test") });
    const auth = createAuth({ users: demoUsers(), tokens, issuer: outside });
    expect((await auth.verify(await issuer.sign())).subject).toBe(name);
    const { token } = await auth.login("goa", "rocks", new AbortController().signal);
    expect((await auth.verify(token)).subject).toBe("goa");
    // Each issuer's key signs for that issuer only.
    const taken = await issuer.sign({ iss: "chatter", scopes: ["stream:read"], jti: "a", nbf: 1 });
    expect(await refusalText(() => auth.verify(taken))).toBe("Unauthenticated: invalid token");
    const own = createTokens({
      key: await parseSigningKey("k".repeat(32), "test"),
      issuer: issuer.name,
    });
    const { token: posing } = await own.issue({ subject: "goa", scopes: [] });
    expect(await refusalText(() => auth.verify(posing))).toBe("Unauthenticated: invalid token");
  });

  test("can be revoked, with an id or without, and so can its user", async () => {
    const { issuer, outside } = await start();
    const tokens = createTokens({ key: await parseSigningKey("k".repeat(32), "test") });
    const isAccepted = async (token: string, revoked: { id?: string; name?: string }) => {
      const revocations = createRevocations({
        tokens: revoked.id ? [{ id: revoked.id }] : [],
        users: revoked.name ? [{ name: revoked.name, before: Date.now() + 1000 }] : [],
      });
      const auth = createAuth({ users: demoUsers(), tokens, issuer: outside, revocations });
      return auth.verify(token).then(
        () => true,
        () => false,
      );
    };
    const [withId, without] = [await issuer.sign({ jti: "a" }), await issuer.sign()];
    expect(await isAccepted(withId, { id: "b" })).toBe(true);
    expect(await isAccepted(withId, { id: "a" })).toBe(false);
    expect(await isAccepted(without, { id: tokenIdOf(withId, undefined) })).toBe(true);
    expect(await isAccepted(without, { id: tokenIdOf(without, undefined) })).toBe(false);
    expect(await isAccepted(without, { name: "goa" })).toBe(true);
    expect(await isAccepted(without, { name })).toBe(false);
    expect(await isAccepted(await issuer.sign({ iat: undefined }), { name })).toBe(false);
  });

  const now = Math.floor(Date.now() / 1000);
  test.each([
    ["iss", ["https://login.example.com/realms/main", "chatter", undefined]],
    ["aud", ["another", undefined, []]],
    ["sub", [undefined, "", 7, "a\nb", "x".repeat(128)]],
    ["exp", [undefined, "soon", now - 1]],
    ["nbf", [now + 60]],
  ])("is refused for a wrong %s", async (claim, values) => {
    const { issuer, outside } = await start();
    expect(await outside.verify(await issuer.sign({ aud: ["other", "chatter"] }))).toBeDefined();
    for (const value of values) {
      const token = await issuer.sign({ [claim]: value });
      expect(await refusalText(() => outside.verify(token))).toBe("Unauthenticated: invalid token");
    }
  });

  test("needs to name its key if more than one fits", async () => {
    const [other, es] = [await createKey("RS256", "other"), await createKey("ES256", "es")];
    const nameless = (key: typeof rsa) => ({ ...key, kid: undefined as never });
    const issuer = await startIssuer(rsa, es, other);
    const keys = createIssuerKeys({ url: issuer.url, onError: () => {} });
    const outside = createIssuerTokens({ issuer: issuer.name, audience: "chatter", keys });
    expect(await outside.verify(await issuer.sign({}, nameless(es)))).toMatchObject({
      subject: name,
    });
    expect(await outside.verify(await issuer.sign({}, other))).toMatchObject({ subject: name });
    const token = await issuer.sign({}, nameless(rsa));
    expect(await refusalText(() => outside.verify(token))).toBe("Unauthenticated: invalid token");
  });

  test("is refused if anyone else could have signed it", async () => {
    const { issuer, outside } = await start();
    const [header, claims, signature] = (await issuer.sign()).split(".");
    const right = JSON.parse(Buffer.from(claims!, "base64url").toString());
    const pem = createPublicKey({ key: rsa.publicJwk as never, format: "jwk" }).export({
      type: "spki",
      format: "pem",
    });
    const other = await createKey("RS256", "rsa");
    const own = await createKey("EdDSA", "own");
    const attacks = [
      `${header}.${claims}.`,
      `${header}.${claims}.${signature!.slice(0, -4)}AAAA`,
      forge({ header: { alg: "none" }, claims: right }, () => Buffer.alloc(0)),
      // The public key used as a secret.
      forge({ header: { alg: "HS256", kid: "rsa" }, claims: right }, hmac(pem as string)),
      // The same kid, another key; a key or an address of one in the header.
      await issuer.sign({}, other),
      forge(
        { header: { alg: "EdDSA", jwk: own.publicJwk, kid: "own" }, claims: right },
        ed25519((await import("node:crypto")).KeyObject.from(own.privateKey)),
      ),
      forge({ header: { alg: "RS256", jku: "http://127.0.0.1:1" }, claims: right }, hmac("x")),
    ];
    for (const token of attacks) {
      const { code, rawMessage } = await refusal(() => outside.verify(token));
      expect([Code[code], rawMessage]).toEqual(["Unauthenticated", "invalid token"]);
    }
  });
});

describe("the scopes", () => {
  const scopesFor = async (claims: object, options: Partial<IssuerTokensOptions> = {}) => {
    const { issuer, outside } = await start(options);
    return (await outside.verify(await issuer.sign({ scope: undefined, ...claims }))).scopes;
  };

  test("are words of a claim, a list, or the names in an object", async () => {
    expect(await scopesFor({ scope: "openid stream:write" })).toEqual(["stream:write"]);
    expect(await scopesFor({ scope: ["stream:write", 7, "stream:read"] })).toEqual([
      "stream:read",
      "stream:write",
    ]);
    expect(await scopesFor({ scope: { "stream:read": true, "stream:write": false } })).toEqual([
      "stream:read",
    ]);
    for (const scope of [undefined, "", 7, null, {}, { "stream:read": null }, "stream:reads"]) {
      expect(await scopesFor({ scope })).toEqual([]);
    }
  });

  test("are those that the map has for the words of the claim that is named", async () => {
    const scopeMap = new Map([
      ["chat.read", "stream:read"],
      ["chat.write", "stream:write"],
    ] as const);
    const options = { scopeClaim: "roles", scopeMap };
    expect(await scopesFor({ roles: ["chat.write", "other"] }, options)).toEqual(["stream:write"]);
    expect(await scopesFor({ roles: "chat.read" }, options)).toEqual(["stream:read"]);
    expect(await scopesFor({ scope: "chat.read", roles: "stream:write" }, options)).toEqual([]);
    for (const scopeClaim of ["__proto__", "scope.length", "a.b", ".", "scope."]) {
      expect(await scopesFor({ a: "b" }, { scopeClaim })).toEqual([]);
    }
  });
});

describe("chatter serve with --issuer and --jwks-url", () => {
  test("takes the issuer's tokens beside its own, by the scopes that are mapped", async () => {
    const issuer = await startIssuer(rsa);
    const dir = tempDir();
    const flags = ["--issuer", issuer.name, "--jwks-url", issuer.url.href];
    const server = await startServe(
      ["--demo", "--log", "memory", "--data-dir", dir, ...flags, "--scope-map", "r=stream:read"],
      { CHATTER_SCOPE_CLAIM: "scp" },
    );
    const clientWith = (token: string) =>
      createClient(ChatterService, transportOf(connectWire, server.url, [withToken(token)]));
    const { token } = await clientWith("").login({ user: "goa", password: "rocks" });
    await collect(clientWith(token).history({}));
    const reader = clientWith(await issuer.sign({ scp: ["r"] }));
    await collect(reader.history({}));
    const { code } = await errorOf(reader.summary(none()));
    expect(Code[code]).toBe("PermissionDenied");
  });

  test("needs no accounts and no key of its own", async () => {
    const issuer = await startIssuer(rsa);
    const server = await startServe(["--log", "memory"], {
      CHATTER_ISSUER: issuer.name,
      CHATTER_JWKS_URL: issuer.url.href,
      CHATTER_DATA_DIR: join(tempDir(), "data"),
    });
    const token = await issuer.sign();
    const { status } = await runHere(["history"], {
      env: { CHATTER_URL: server.url, CHATTER_TOKEN: token },
    });
    expect(status).toBe(0);
    const anyone = createClient(ChatterService, transportOf(connectWire, server.url));
    const { code } = await errorOf(anyone.login({ user: "goa", password: "rocks" }));
    expect(Code[code]).toBe("Unauthenticated");
  });
});

async function* none() {}
