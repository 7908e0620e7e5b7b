import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { newUser } from "../../src/server/auth/users/users.js";
import { addUser, readUsersFile } from "../../src/server/auth/users/users-file.js";
import { replaceFile } from "../support/replace-file.js";
import { startServe } from "../support/serve.js";
import { until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { connectWire, transportOf } from "../support/wires.js";

const cost = { logN: 4, r: 8, p: 1 };
const account = (name: string) => newUser({ name, password: "pw", scopes: [], cost });

async function start() {
  const path = join(tempDir(), "users.json");
  await addUser(path, await account("alice"));
  const server = await startServe(["--users-file", path, "--log", "memory"], {
    CHATTER_SIGNING_KEY: "k".repeat(32),
  });
  const client = createClient(ChatterService, transportOf(connectWire, server.url));
  const canLogIn = (user: string) =>
    client.login({ user, password: "pw" }).then(
      () => true,
      () => false,
    );
  /** Resolves when the file was read again this many times. */
  const read = (times: number) =>
    until(
      () => server.errors().split('"msg":"the users file was reloaded"').length > times,
      "the file is read again",
    );
  return { path, server, canLogIn, read };
}

test("a server takes the accounts of a users file that has changed", async () => {
  const { path, canLogIn, read } = await start();
  expect(await canLogIn("bob")).toBe(false);
  await addUser(path, await account("bob"));
  await read(1);
  expect(await canLogIn("bob")).toBe(true);
});

test("a server keeps its accounts if the file is broken, and logs why, without a hash", async () => {
  const { path, server, canLogIn, read } = await start();
  const [alice] = await readUsersFile(path);
  const half = (await readFile(path, "utf8")).slice(0, -20);
  expect(half).toContain(alice!.passwordHash);
  for (const [content, fault] of [
    [half, "is not JSON"],
    [`{"users": [{"password_hash": "${alice!.passwordHash}"}]}`, "is not an object with"],
  ] as const) {
    await writeFile(path, content);
    await until(() => server.errors().includes(fault), "the fault is logged");
    expect(await canLogIn("alice")).toBe(true);
  }
  expect(server.errors()).toContain(JSON.stringify(JSON.stringify(path)).slice(1, -1));
  expect(server.errors()).not.toContain(alice!.passwordHash.slice(0, 10));
  await replaceFile(path, JSON.stringify({ users: [] }));
  await read(1);
  expect(await canLogIn("alice")).toBe(false);
});

test.skipIf(process.platform === "win32")("SIGHUP has the files read again at once", async () => {
  const { server, canLogIn, read } = await start();
  for (const times of [1, 2]) {
    server.child.kill("SIGHUP");
    await read(times);
  }
  expect(await canLogIn("alice")).toBe(true);
  expect(await server.stop()).toEqual({ code: 0, signal: null });
});
