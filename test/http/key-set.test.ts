import { join } from "node:path";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { expect, test } from "vitest";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { createKeyFile, rotateKey } from "../../src/server/auth/keys/key-file.js";
import { readSigningKeys } from "../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { demoUsers } from "../../src/server/auth/users/demo-users.js";
import { startChatter } from "../support/chatter-server.js";
import { tempDir } from "../support/temp-dir.js";

async function start(...algorithms: ("EdDSA" | "HS256")[]) {
  const path = join(tempDir(), "keys");
  const ids = [await createKeyFile(path, algorithms[0]!)];
  for (const algorithm of algorithms.slice(1)) {
    ids.push(await rotateKey(path, { algorithm, signsFrom: Date.now() }));
  }
  const tokens = createTokens({ key: { list: await readSigningKeys(path) } });
  const { url } = await startChatter({ auth: createAuth({ users: demoUsers(), tokens }) });
  return { ids, tokens, url: `${url}/.well-known/jwks.json` };
}

test("anyone finds the public keys, and checks tokens by them", async () => {
  const { ids, tokens, url } = await start("EdDSA", "EdDSA");
  const response = await fetch(url);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json");
  const maxAge = /^public, max-age=(\d+)$/.exec(response.headers.get("cache-control") ?? "")?.[1];
  expect(Number(maxAge)).toBeLessThan(10); // Then a new key signs.
  const set = (await response.json()) as JSONWebKeySet;
  expect(set).toEqual({
    keys: ids.map((kid) => ({
      kty: "OKP",
      crv: "Ed25519",
      x: expect.stringMatching(/^[\w-]{43}$/),
      kid,
      alg: "EdDSA",
      use: "sig",
    })),
  });
  const { token } = await tokens.issue({ subject: "goa", scopes: [] });
  const { payload } = await jwtVerify(token, createLocalJWKSet(set), { audience: "chatter" });
  expect(payload.sub).toBe("goa");
  expect((await fetch(url, { method: "HEAD" })).status).toBe(200);
  expect((await fetch(url, { method: "POST" })).status).toBe(405);
});

test("a secret is never there", async () => {
  const { url } = await start("HS256");
  expect(await (await fetch(url)).json()).toEqual({ keys: [] });
  const { ids, url: both } = await start("EdDSA", "HS256");
  const { keys } = (await (await fetch(both)).json()) as JSONWebKeySet;
  expect(keys.map(({ kid }) => kid)).toEqual(ids.slice(0, 1));
});

test("a server with an Auth of its own that has no keys has no such place", async () => {
  const auth = {
    login: () => Promise.reject(new Error("no")),
    verify: () => Promise.reject(new Error("no")),
  };
  const { url } = await startChatter({ auth });
  expect((await fetch(`${url}/.well-known/jwks.json`)).status).toBe(404);
});
