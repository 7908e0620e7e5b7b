import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { runHere } from "../support/cli-here.js";
import { tempDir } from "../support/temp-dir.js";

const secret = "0123456789abcdef0123456789abcdef";

describe("chatter token issue", () => {
  test("makes a token that a server with the same key accepts", async () => {
    const file = join(tempDir(), "key");
    writeFileSync(file, secret);
    const args = ["--scopes", "stream:read", "--token-lifetime", "60"];
    const result = await runHere(["token", "issue", "alice", "--signing-key-file", file, ...args]);
    expect(result).toMatchObject({ status: 0, stderr: "" });
    expect(result.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const tokens = createTokens({ key: await readSigningKey(file) });
    const identity = await tokens.verify(result.stdout.trim());
    expect(identity).toMatchObject({ subject: "alice", scopes: ["stream:read"] });
    expect(identity.expiresAt - Date.now()).toBeLessThanOrEqual(60_000);
  });

  test("takes scopes for rooms alone", async () => {
    const env = { CHATTER_SIGNING_KEY: secret };
    const scopes = ["stream:write:team/*", "stream:read:news"];
    const args = ["token", "issue", "bot", "--scopes", scopes.join(",")];
    const { stdout } = await runHere(args, { env });
    expect(JSON.parse(atob(stdout.split(".")[1] ?? ""))).toMatchObject({ scopes });
  });

  test("takes the key from the environment, a key pair, or the demo's folder", async () => {
    const dir = tempDir();
    const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
    writeFileSync(join(dir, "pair"), pem);
    writeFileSync(join(dir, "signing-key"), secret);
    const issue = ["token", "issue", "alice"];
    const ways = [
      await runHere(issue, { env: { CHATTER_SIGNING_KEY: secret } }),
      await runHere(issue, { env: { CHATTER_SIGNING_KEY: "", CHATTER_DATA_DIR: dir } }),
      await runHere([...issue, "--signing-key-file", join(dir, "pair")], {
        env: { CHATTER_SIGNING_KEY: "" },
      }),
    ];
    const algorithms = ways.map(({ stdout }) => JSON.parse(atob(stdout.split(".")[0] ?? "")).alg);
    expect(algorithms).toEqual(["HS256", "HS256", "EdDSA"]);
  });

  test("names the issuer and the audience that are set", async () => {
    const env = { CHATTER_SIGNING_KEY: secret, CHATTER_AUDIENCE: "us" };
    const { stdout } = await runHere(["token", "issue", "alice", "--token-issuer", "here"], {
      env,
    });
    const claims = JSON.parse(atob(stdout.split(".")[1] ?? ""));
    expect(claims).toMatchObject({ iss: "here", aud: "us" });
  });

  test("says that there is no key, and never shows one", async () => {
    const dir = tempDir();
    const none = await runHere(["token", "issue", "alice", "--data-dir", dir]);
    expect(none.status).toBe(1);
    expect(none.stderr).toMatch(/^chatter: not_found: signing key [^\n]+\n$/);
    const short = await runHere(["token", "issue", "alice"], {
      env: { CHATTER_SIGNING_KEY: "short-key" },
    });
    expect(short.status).toBe(1);
    expect(short.stderr).not.toContain("short-key");
  });
});

describe("chatter token inspect", () => {
  test("prints what a token says, from CHATTER_TOKEN, an argument or standard input", async () => {
    const env = { CHATTER_SIGNING_KEY: secret };
    const token = (await runHere(["token", "issue", "alice"], { env })).stdout;
    const { status, stdout } = await runHere(["token", "inspect"], {
      env: { CHATTER_TOKEN: token },
    });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      header: { alg: "HS256" },
      claims: { sub: "alice", iss: "chatter", scopes: ["stream:read", "stream:write"] },
      expires_at: expect.stringMatching(/^\d{4}-.*Z$/),
      expired: false,
    });
    expect((await runHere(["token", "inspect", token.trim()])).stdout).toBe(stdout);
    expect((await runHere(["token", "inspect"], { input: token })).stdout).toBe(stdout);
  });

  test("says that a token has expired", async () => {
    const claims = Buffer.from(JSON.stringify({ sub: "alice", exp: 1 })).toString("base64url");
    const header = Buffer.from(JSON.stringify({ alg: "HS256" })).toString("base64url");
    const { stdout } = await runHere(["token", "inspect", `${header}.${claims}.c2ln`]);
    expect(JSON.parse(stdout)).toMatchObject({
      expired: true,
      expires_at: "1970-01-01T00:00:01.000Z",
    });
  });
});
