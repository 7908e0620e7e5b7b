import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Code, type ConnectError } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createRevocations } from "../../src/server/auth/revocations/revocations.js";
import { readRevocationsFile } from "../../src/server/auth/revocations/revocations-file.js";
import { watchRevocationsFile } from "../../src/server/auth/revocations/watched-revocations.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { demoUsers } from "../../src/server/auth/users/demo-users.js";
import { createUsers, newUser } from "../../src/server/auth/users/users.js";
import { addUser } from "../../src/server/auth/users/users-file.js";
import { watchUsersFile } from "../../src/server/auth/users/watched-users.js";
import { startChatter } from "../support/chatter-server.js";
import { runHere } from "../support/cli-here.js";
import { progressOf } from "../support/outcome.js";
import { replaceFile } from "../support/replace-file.js";
import { errorOf, Outbox, until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { clientOf, connectWire, mainWires } from "../support/wires.js";
import { refusalText } from "./connect-errors.js";

const scopes = ["stream:read", "stream:write"];
const cost = { logN: 4, r: 8, p: 1 };
const alice = await newUser({ name: "alice", password: "pw", scopes, cost });

async function createFiles() {
  const dir = tempDir();
  const files = { users: join(dir, "users.json"), revocations: join(dir, "revocations.json") };
  await addUser(files.users, alice);
  await addUser(files.users, { ...alice, name: "bob" });
  return files;
}

/** A server that watches these files. */
async function startWatching(files: Awaited<ReturnType<typeof createFiles>>) {
  const errors: string[] = [];
  const onError = (error: unknown) => errors.push((error as ConnectError).rawMessage);
  const users = await watchUsersFile(files.users, onError);
  const revocations = await watchRevocationsFile(files.revocations, onError);
  onTestFinished(() => {
    users.close();
    revocations.close();
  });
  const tokens = createTokens({ key: await parseSigningKey("k".repeat(32), "test") });
  const server = await startChatter({ auth: createAuth({ users, tokens, revocations }) });
  const issue = async (subject: string) => (await tokens.issue({ subject, scopes })).token;
  const login = async (user: string) =>
    (await clientOf(server, connectWire, "").login({ user, password: "pw" })).token;
  return { server, errors, issue, login };
}

type Watching = Awaited<ReturnType<typeof startWatching>>["server"];

/** The end of a subscription, and after how many milliseconds from now. */
async function endOf(server: Watching, token: string, wire = connectWire) {
  const from = performance.now();
  const error = await errorOf(clientOf(server, wire, token).subscribe({}));
  return { error: [Code[error.code], error.rawMessage], ms: performance.now() - from };
}

async function isAccepted(server: Watching, token: string): Promise<boolean> {
  try {
    await clientOf(server, connectWire, token).summary(none());
    return true;
  } catch (error) {
    expect((error as ConnectError).rawMessage).toBe("invalid token");
    expect((error as ConnectError).code).toBe(Code.Unauthenticated);
    return false;
  }
}

async function* none() {}

const revokedError = ["Unauthenticated", "the token was revoked: log in again"];

describe("a token that is revoked", () => {
  test("ends its calls within 5 s, on every server that has the file, and no others", async () => {
    const files = await createFiles();
    const one = await startWatching(files);
    const two = await startWatching(files);
    expect(one.errors[0]).toMatch(
      /^revocations file ".*" does not exist: nothing is revoked until it exists$/,
    );
    const [token, other] = [await one.issue("goa"), await one.issue("goa")];
    const wiresOfOne = mainWires.map((wire) => endOf(one.server, token, wire));
    const endings = [...wiresOfOne, endOf(two.server, token)];
    const outbox = new Outbox<{ message: string }>();
    const posting = errorOf(clientOf(one.server, connectWire, token).listener(outbox));
    outbox.send({ message: "stored" });
    const others = [endOf(one.server, other), endOf(two.server, other)];
    await until(() => one.server.chatter.openCalls === mainWires.length + 2, "calls are open");
    await until(() => two.server.chatter.openCalls === 2, "calls are open on the other server");

    const env = { CHATTER_REVOCATIONS_FILE: files.revocations };
    const result = await runHere(["token", "revoke", "-"], { env, input: `${token}\n` });
    expect(result).toEqual({ status: 0, stdout: "", stderr: "" });
    const revokedAt = performance.now();
    for (const { error } of await Promise.all(endings)) {
      expect(error).toEqual(revokedError);
    }
    expect(performance.now() - revokedAt).toBeLessThan(5000);
    const refused = await posting;
    expect([Code[refused.code], refused.rawMessage]).toEqual(revokedError);
    expect(progressOf(refused)?.stored).toBe(1n);
    expect(await isAccepted(one.server, token)).toBe(false);
    expect(await isAccepted(two.server, token)).toBe(false);

    expect([one.server.chatter.openCalls, two.server.chatter.openCalls]).toEqual([1, 1]);
    expect(await isAccepted(one.server, other)).toBe(true);
    const { jti } = JSON.parse(atob(other.split(".")[1]!));
    await runHere(["token", "revoke", jti], { env });
    expect((await Promise.all(others)).map(({ error }) => error)).toEqual([
      revokedError,
      revokedError,
    ]);
  });

  test("stays revoked when the file is broken or goes", async () => {
    const files = await createFiles();
    const env = { CHATTER_REVOCATIONS_FILE: files.revocations };
    const { server, errors, issue } = await startWatching(files);
    const token = await issue("goa");
    const end = endOf(server, token);
    await until(() => server.chatter.openCalls === 1, "the call is open");
    await runHere(["token", "revoke", "-"], { env, input: token });
    await end;
    errors.length = 0;
    await replaceFile(files.revocations, '{ "tokens": [');
    await until(() => errors.length > 0, "the fault is reported");
    expect(errors).toEqual([`revocations file ${JSON.stringify(files.revocations)}: is not JSON`]);
    expect(await isAccepted(server, token)).toBe(false);
  });
});

test("a token that is revoked while a call begins ends the call", async () => {
  const identity = { subject: "goa", scopes, tokenId: "a", expiresAt: Date.now() + 60_000 };
  const server = await startChatter({
    auth: {
      login: () => Promise.reject(new Error("nobody")),
      verify: async () => identity,
      isRevoked: () => true,
    },
  });
  expect((await endOf(server, "any")).error).toEqual(revokedError);
  expect(server.chatter.openCalls).toBe(0);
});

describe("a user who is revoked", () => {
  test("has no token of before any more, and can log in again", async () => {
    const files = await createFiles();
    const { server, issue, login } = await startWatching(files);
    const old = [await login("alice"), await issue("alice")];
    const bob = await login("bob");
    const endings = old.map((token) => endOf(server, token));
    const bobs = endOf(server, bob);
    await until(() => server.chatter.openCalls === 3, "calls are open");
    const file = ["--revocations-file", files.revocations];
    expect(await runHere(["user", "revoke", "alice", ...file])).toMatchObject({ status: 0 });
    const fresh = await login("alice");
    for (const { error, ms } of await Promise.all(endings)) {
      expect(error).toEqual(revokedError);
      expect(ms).toBeLessThan(6000);
    }
    expect(await isAccepted(server, old[0]!)).toBe(false);
    expect(await isAccepted(server, old[1]!)).toBe(false);
    expect(await isAccepted(server, fresh)).toBe(true);
    expect(await isAccepted(server, bob)).toBe(true);
    await runHere(["user", "revoke", "bob", ...file]);
    expect((await bobs).error).toEqual(revokedError);
    expect(await isAccepted(server, fresh)).toBe(true);
  });
});

test("a user who was revoked by a clock that is ahead can log in all the same", async () => {
  const tokens = createTokens({ key: await parseSigningKey("k".repeat(32), "test") });
  for (const [seconds, isAccepted] of [
    [0, true],
    [1, true],
    [50, true],
    [120, false],
  ] as const) {
    const before = (Math.floor(Date.now() / 1000) + seconds) * 1000;
    const revocations = createRevocations({ tokens: [], users: [{ name: "goa", before }] });
    const auth = createAuth({ users: demoUsers(), tokens, revocations });
    const { token } = await auth.login("goa", "rocks", new AbortController().signal);
    const outcome = auth.verify(token).then(
      () => true,
      () => false,
    );
    expect([seconds, await outcome]).toEqual([seconds, isAccepted]);
  }
});

test("a user with many streams is revoked a few a turn of the event loop, so that others are served", async () => {
  const tokens = createTokens({ key: await parseSigningKey("k".repeat(32), "test") });
  let revoked = false;
  let tell = () => {};
  const server = await startChatter({
    auth: {
      login: () => Promise.reject(new Error("nobody logs in")),
      verify: (token) => tokens.verify(token),
      isRevoked: () => revoked,
      onChange(listener) {
        tell = listener;
        return () => {};
      },
    },
  });
  const { chatter } = server;
  const client = clientOf(server, mainWires[1]!);
  const endings = Array.from({ length: 200 }, () => errorOf(client.subscribe({})));
  await until(() => chatter.openCalls === 200, "all are open");

  revoked = true;
  tell();
  const turns: number[] = [];
  while (chatter.openCalls > 0) {
    turns.push(chatter.openCalls);
    await new Promise(setImmediate);
  }
  expect(new Set(turns).size).toBeGreaterThan(5);
  for (const { rawMessage } of await Promise.all(endings)) {
    expect(rawMessage).toBe("the token was revoked: log in again");
  }
});

describe("a user who is removed", () => {
  test("loses the tokens of logins, not those that were issued with the key", async () => {
    const files = await createFiles();
    const { server, issue, login } = await startWatching(files);
    const [token, issued] = [await login("alice"), await issue("alice")];
    const end = endOf(server, token);
    const goesOn = endOf(server, issued);
    await until(() => server.chatter.openCalls === 2, "calls are open");
    await runHere(["user", "remove", "alice", "--users-file", files.users]);
    const { error, ms } = await end;
    expect(error).toEqual(revokedError);
    expect(ms).toBeLessThan(6000);
    expect(await isAccepted(server, token)).toBe(false);
    expect(await isAccepted(server, issued)).toBe(true);
    expect(server.chatter.openCalls).toBe(1);
    await expect(login("alice")).rejects.toThrow("invalid username and password combination");
    await server.server.close(0);
    await goesOn;
  });

  test("is not the user of the same name who is added later", async () => {
    onTestFinished(() => void vi.useRealTimers());
    vi.useFakeTimers({ toFake: ["Date"], now: 1_800_000_000_000 });
    const minutes = (count: number) => 1_800_000_000_000 + count * 60_000;
    const tokens = createTokens({ key: await parseSigningKey("k".repeat(32), "test") });
    const authOf = (createdAt: number) =>
      createAuth({ tokens, users: createUsers([{ ...alice, createdAt }]) });
    const { token } = await authOf(minutes(-9)).login("alice", "pw", new AbortController().signal);
    vi.setSystemTime(minutes(5));
    // Clocks differ, and one that is far off must not lock everybody out.
    for (const createdAt of [-9, 0, 1, 99]) {
      expect(await authOf(minutes(createdAt)).verify(token)).toMatchObject({ subject: "alice" });
    }
    expect(await refusalText(() => authOf(minutes(2)).verify(token))).toBe(
      "Unauthenticated: invalid token",
    );
  });
});

describe("a revocations file", () => {
  test.each([
    ["", "is not JSON"],
    ["[]", 'is not an object with the fields "tokens" and "users", two lists'],
    ['{"tokens":[]}', 'is not an object with the fields "tokens" and "users", two lists'],
    ['{"tokens":[],"users":{}}', '"tokens" or "users" is not a list'],
    [
      '{"tokens":["a"],"users":[]}',
      'tokens[0] is not an object with the field "id" and perhaps "expires_at"',
    ],
    ['{"tokens":[{"id":""}],"users":[]}', 'tokens[0] has an "id" that is not a text'],
    [
      '{"tokens":[{"id":"a","expires_at":1}],"users":[]}',
      'tokens[0] has an "expires_at" that is not a time',
    ],
    [
      '{"tokens":[],"users":[{"name":"a"}]}',
      'users[0] is not an object with the fields "name" and "before"',
    ],
    ['{"tokens":[],"users":[{"name":7,"before":""}]}', 'users[0] has a "name" that is not a text'],
    [
      '{"tokens":[],"users":[{"name":"a","before":"now"}]}',
      'users[0] has a "before" that is not a time',
    ],
  ])("with %s is refused", async (content, fault) => {
    const path = join(tempDir(), "revocations.json");
    await writeFile(path, content);
    expect(await refusalText(() => readRevocationsFile(path))).toBe(
      `FailedPrecondition: revocations file ${JSON.stringify(path)}: ${fault}`,
    );
  });

  test("keeps what is needed: no token that has expired, each user once", async () => {
    const files = await createFiles();
    const past = new Date(Date.now() - 1000).toISOString();
    const later = new Date(Date.now() + 60_000).toISOString();
    const list = {
      tokens: [{ id: "a", expires_at: past }, { id: "b", expires_at: later }, { id: "c" }],
      users: [{ name: "alice", before: past }],
    };
    await writeFile(files.revocations, JSON.stringify(list));
    const env = { CHATTER_REVOCATIONS_FILE: files.revocations };
    await runHere(["user", "revoke", "alice"], { env });
    for (const exp of [Date.now() / 1000 - 9, 1e30]) {
      const claims = Buffer.from(JSON.stringify({ jti: "c", exp })).toString("base64url");
      const { status } = await runHere(["token", "revoke", "-"], { env, input: `e30.${claims}.` });
      expect(status).toBe(exp === 1e30 ? 0 : 2);
    }
    const { default: content } = await import(files.revocations, { with: { type: "json" } });
    expect(content).toEqual({
      tokens: list.tokens.slice(1),
      users: [{ name: "alice", before: expect.stringMatching(/T.*\.000Z$/) }],
    });
    expect(Date.parse(content.users[0].before)).toBeGreaterThan(Date.now() - 3000);
    expect(Date.parse(content.users[0].before)).toBeLessThanOrEqual(Date.now());
  });
});
