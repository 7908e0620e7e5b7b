import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { createKeyFile } from "../../src/server/auth/keys/key-file.js";
import { newUser } from "../../src/server/auth/users/users.js";
import { addUser } from "../../src/server/auth/users/users-file.js";
import { tempDir } from "../support/temp-dir.js";

const page = readFileSync(new URL("../../docs/accounts.md", import.meta.url), "utf8");
const library = new URL("../../src/server/index.ts", import.meta.url).href;
const tsx = new URL("../../node_modules/tsx/dist/loader.mjs", import.meta.url).href;

test("the example of the page makes an Auth that logs in and checks tokens", async () => {
  const dir = tempDir();
  const cost = { logN: 4, r: 8, p: 1 };
  const alice = await newUser({ name: "alice", password: "pw", scopes: [], cost });
  await addUser(join(dir, "users.json"), alice);
  await createKeyFile(join(dir, "keys.json"), "EdDSA");
  const [, example] = /```ts\n(.*?)```/s.exec(page)!;
  const use = `
    const { token } = await auth.login("alice", "pw", new AbortController().signal);
    console.log((await auth.verify(token)).subject);
  `;
  const script = join(dir, "example.mts");
  writeFileSync(script, example!.replace('"chatter/server"', JSON.stringify(library)) + use);
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", tsx, script], {
    cwd: dir,
  });
  expect(stdout).toBe("alice\n");
});
