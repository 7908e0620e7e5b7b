import { createPublicKey } from "node:crypto";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { encode, forge, hmac, honest } from "../auth/forged-token.js";
import { runHere } from "../support/cli-here.js";
import { startServe } from "../support/serve.js";
import { collect, errorOf } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { clientOf } from "../support/wires.js";

test("nobody can make a token of what a server with both kinds of keys publishes", async () => {
  const dir = tempDir();
  const keyFile = join(dir, "keys.json");
  const usersFile = join(dir, "users.json");
  const key = ["--signing-key-file", keyFile];
  const succeed = async (args: readonly string[], input = "") => {
    const { status, stdout, stderr } = await runHere(args, { input });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    return stdout.trim();
  };
  await succeed(["key", "new", ...key]);
  await succeed(["key", "rotate", ...key, "--algorithm", "HS256"]);
  await succeed(["user", "add", "goa", "--users-file", usersFile], "rocks");
  const { url } = await startServe(["--users-file", usersFile, ...key, "--data-dir", dir]);
  const real = await succeed(["token", "issue", "goa", ...key]);
  expect(await collect(clientOf({ url, token: real }).history({}))).toEqual([]);

  const published = await fetch(`${url}/.well-known/jwks.json`);
  const { keys } = (await published.json()) as { keys: Record<string, string>[] };
  expect(keys.map(({ kty, d, k }) => [kty, d, k])).toEqual([["OKP", undefined, undefined]]);
  const [jwk] = keys;
  const spki = createPublicKey({ key: jwk as never, format: "jwk" });
  const secrets = [
    spki.export({ type: "spki", format: "pem" }),
    spki.export({ type: "spki", format: "der" }),
    Buffer.from(jwk!.x!, "base64url"),
    jwk!.x!,
    JSON.stringify(jwk),
    "",
  ];
  const realKid = JSON.parse(Buffer.from(real.split(".")[0]!, "base64url").toString()).kid;
  const { claims } = honest();
  const attacks = [
    ...[jwk!.kid, realKid, undefined].flatMap((kid) =>
      secrets.map((secret) => forge({ header: { alg: "HS256", kid }, claims }, hmac(secret))),
    ),
    // A real signature under another algorithm or key, with forged claims.
    ...["EdDSA", "none"].map((alg) => {
      const [, payload, signature] = real.split(".");
      return `${encode({ alg, kid: jwk!.kid })}.${payload}.${signature}`;
    }),
    `${real.split(".")[0]}.${encode(claims)}.${real.split(".")[2]}`,
  ];
  for (const token of attacks) {
    const error = await errorOf(collect(clientOf({ url, token }).history({})));
    expect([Code[error.code], error.rawMessage]).toEqual(["Unauthenticated", "invalid token"]);
  }
});
