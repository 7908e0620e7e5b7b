import { generateKeyPairSync } from "node:crypto";
import { copyFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Code, createClient } from "@connectrpc/connect";
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { expect, onTestFinished, test, vi } from "vitest";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { createAuth } from "../../src/server/auth/create-auth.js";
import {
  createKeyFile,
  listKeys,
  removeKeys,
  rotateKey,
} from "../../src/server/auth/keys/key-file.js";
import {
  parseSigningKey,
  readSigningKeys,
  type SigningKey,
} from "../../src/server/auth/keys/signing-key.js";
import { type SigningKeys, watchSigningKeys } from "../../src/server/auth/keys/signing-keys.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { demoUsers } from "../../src/server/auth/users/demo-users.js";
import { startChatter } from "../support/chatter-server.js";
import { runHere } from "../support/cli-here.js";
import { replaceFile } from "../support/replace-file.js";
import { startServe } from "../support/serve.js";
import { errorOf, until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { clientOf, connectWire, transportOf, withToken } from "../support/wires.js";
import { refusalText } from "./connect-errors.js";
import { forge, honest, secret } from "./forged-token.js";

const goa = { subject: "goa", scopes: ["stream:read", "stream:write"] };
const newPath = () => join(tempDir(), "keys");

async function tokensOf(path: string) {
  return createTokens({ key: { list: await readSigningKeys(path) } });
}

const kidOf = (token: string) => decodeProtectedHeader(token).kid;

test("a new key signs, and tokens of the keys before stay valid", async () => {
  const path = newPath();
  const first = await createKeyFile(path, "EdDSA");
  const { token: old } = await (await tokensOf(path)).issue(goa);
  expect(kidOf(old)).toBe(first);
  const second = await rotateKey(path, { signsFrom: Date.now() });
  const third = await rotateKey(path, { signsFrom: Date.now(), algorithm: "HS256" });
  const tokens = await tokensOf(path);
  const { token } = await tokens.issue(goa);
  expect(kidOf(token)).toBe(third);
  expect(decodeProtectedHeader(token).alg).toBe("HS256");
  expect(await tokens.verify(old)).toMatchObject(goa);
  expect(await tokens.verify(token)).toMatchObject(goa);
  expect((await listKeys(path)).map(({ id, state }) => [id, state])).toEqual([
    [first, "retired"],
    [second, "retired"],
    [third, "signs"],
  ]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test("keys may be an object of one's own that changes", async () => {
  class Keys implements SigningKeys {
    list: readonly SigningKey[] = [];
    #listeners = new Set<() => void>();
    onChange(listener: () => void) {
      this.#listeners.add(listener);
      return () => this.#listeners.delete(listener);
    }
    take(...list: SigningKey[]) {
      this.list = list;
      for (const listener of this.#listeners) {
        listener();
      }
    }
  }
  const keys = new Keys();
  const auth = createAuth({ users: demoUsers(), tokens: createTokens({ key: keys }) });
  let changes = 0;
  const leave = auth.onChange!(() => changes++);
  keys.take(await parseSigningKey(secret, "test"));
  expect(changes).toBe(1);
  leave();
  keys.take();
  expect(changes).toBe(1);
});

test("a new key signs from its time on, when every server has it", async () => {
  const path = newPath();
  const first = await createKeyFile(path, "HS256");
  const behind = `${path}-copy`;
  await copyFile(path, behind);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  onTestFinished(() => void vi.useRealTimers());
  const signsFrom = Date.now() + 500;
  const second = await rotateKey(path, { signsFrom });
  const ahead = await tokensOf(path);
  const { token } = await ahead.issue(goa);
  expect(kidOf(token)).toBe(first);
  expect(await (await tokensOf(behind)).verify(token)).toMatchObject(goa);
  vi.setSystemTime(signsFrom + 1);
  expect(kidOf((await ahead.issue(goa)).token)).toBe(second);
});

test("a file with one key becomes a key set, and its tokens stay valid", async () => {
  const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
  for (const content of [secret, `${secret}\n`, pem]) {
    const path = newPath();
    await writeFile(path, content);
    const { token: old } = await (await tokensOf(path)).issue(goa);
    await rotateKey(path, { signsFrom: Date.now() });
    const tokens = await tokensOf(path);
    expect(await tokens.verify(old)).toMatchObject(goa);
    const { token } = await tokens.issue(goa);
    expect(kidOf(token)).not.toBe(kidOf(old));
    expect(decodeProtectedHeader(token).alg).toBe(decodeProtectedHeader(old).alg);
  }
});

test("a token without kid, as of before there were several keys, stays valid", async () => {
  const path = newPath();
  await writeFile(path, secret);
  const old = forge(honest());
  expect(kidOf(old)).toBeUndefined();
  expect(await (await tokensOf(path)).verify(old)).toMatchObject({ subject: "goa" });
  for (const algorithm of ["EdDSA", "HS256"] as const) {
    await rotateKey(path, { signsFrom: Date.now(), algorithm });
    expect(await (await tokensOf(path)).verify(old)).toMatchObject({ subject: "goa" });
  }
});

test("a kid that is not a key's is refused, and so is another key's", async () => {
  const path = newPath();
  await writeFile(path, secret);
  const id = await rotateKey(path, { signsFrom: Date.now() });
  const tokens = await tokensOf(path);
  const { header, claims } = honest();
  for (const kid of [id, "unknown", "", null, 7, [id], "../../dev/null", "__proto__"]) {
    const token = forge({ header: { ...header, kid }, claims });
    expect(await refusalText(() => tokens.verify(token))).toBe("Unauthenticated: invalid token");
  }
});

test("a key that is removed takes its tokens along, cached ones and open calls too", async () => {
  const path = newPath();
  const first = await createKeyFile(path, "HS256");
  const keys = await watchSigningKeys(path, () => {});
  onTestFinished(() => keys.close());
  const tokens = createTokens({ key: keys });
  const server = await startChatter({ auth: createAuth({ users: demoUsers(), tokens }) });
  const { token: old } = await tokens.issue(goa);
  const second = await rotateKey(path, { signsFrom: Date.now() });
  await until(() => keys.list.length === 2, "the new key is there");
  const { token } = await tokens.issue(goa);
  expect([kidOf(old), kidOf(token)]).toEqual([first, second]);
  const ends = errorOf(clientOf(server, connectWire, old).subscribe({}));
  const stays = errorOf(clientOf(server, connectWire, token).subscribe({}));
  await until(() => server.chatter.openCalls === 2, "the calls are open");

  expect(await refusalText(() => removeKeys(path, ({ id }) => id === second))).toMatch(
    /^FailedPrecondition: key ".*" signs: run "chatter key rotate --signs-in 0" first$/,
  );
  expect(await removeKeys(path, ({ id }) => id === first)).toEqual([first]);
  const { code, rawMessage } = await ends;
  expect([Code[code], rawMessage]).toEqual([
    "Unauthenticated",
    "the token was revoked: log in again",
  ]);
  expect(server.chatter.openCalls).toBe(1);
  expect(await refusalText(() => tokens.verify(old))).toBe("Unauthenticated: invalid token");
  await server.server.close(0);
  await stays;
});

test("chatter key makes, lists, rotates and removes keys", async () => {
  const path = newPath();
  const key = (...args: string[]) => runHere(["key", ...args, "--signing-key-file", path]);
  const list = async () =>
    (await key("list")).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  const first = (await key("new")).stdout.trim();
  expect(await list()).toEqual([
    { kid: first, algorithm: "EdDSA", state: "signs", signs_from: expect.any(String) },
  ]);
  expect((await key("new")).stderr).toMatch(/^chatter: already_exists: signing key file /);
  const second = (await key("rotate")).stdout.trim();
  expect((await list()).map(({ state }) => state)).toEqual(["signs", "waits"]);
  const third = (await key("rotate", "--signs-in", "0", "--algorithm", "HS256")).stdout.trim();
  expect(await list()).toMatchObject([
    { kid: first, state: "retired", retired_at: expect.any(String) },
    { kid: second, state: "waits" },
    { kid: third, state: "signs", algorithm: "HS256" },
  ]);
  expect(await key("remove", "--retired")).toEqual({ status: 0, stdout: "", stderr: "" });
  await until(async () => {
    const { stdout } = await key("remove", "--retired", "--token-lifetime", "1");
    return stdout === `${first}\n`;
  }, "the retired key is removed");
  expect((await key("remove", second)).stdout).toBe(`${second}\n`);
  expect(await key("remove", second)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("there is no key"),
  });
  expect((await key("remove", third)).stderr).toMatch(
    /^chatter: failed_precondition: key .* signs/,
  );
  expect(await key("remove")).toMatchObject({ status: 2 });
  expect(await list()).toMatchObject([{ kid: third, state: "signs" }]);
});

test("a running server takes the demo's new key, keeps its old tokens, and says nothing of keys", async () => {
  const dir = tempDir();
  const server = await startServe(["--demo", "--log", "memory", "--data-dir", dir]);
  const anyone = createClient(ChatterService, transportOf(connectWire, server.url));
  const login = async () => (await anyone.login({ user: "goa", password: "rocks" })).token;
  const old = await login();
  await rotateKey(join(dir, "signing-key"), { signsFrom: Date.now(), algorithm: "EdDSA" });
  await until(
    () => server.errors().includes('"msg":"the signing key file was reloaded"'),
    "the server has the new key",
  );
  const fresh = await login();
  expect(decodeProtectedHeader(fresh).alg).toBe("EdDSA");
  for (const token of [old, fresh]) {
    const client = createClient(
      ChatterService,
      transportOf(connectWire, server.url, [withToken(token)]),
    );
    expect((await client.summary(none())).summaries).toEqual([]);
  }
  await replaceFile(join(dir, "signing-key"), '{ "keys": [');
  await until(() => server.errors().includes("is not JSON"), "the fault is logged");
  expect(kidOf(await login())).toBe(kidOf(fresh));

  const response = await fetch(`${server.url}/.well-known/jwks.json`);
  const { payload } = await jwtVerify(fresh, createLocalJWKSet(await response.json()));
  expect(payload.sub).toBe("goa");
});

async function* none() {}
