import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { verifyPassword } from "../../src/server/auth/passwords.js";
import { readUsersFile } from "../../src/server/auth/users/users-file.js";
import { parseLines } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { tempDir } from "../support/temp-dir.js";

describe("chatter user", () => {
  test("add reads the password from standard input and keeps a hash of it", async () => {
    const file = join(tempDir(), "users.json");
    const env = { CHATTER_USERS_FILE: file };
    const result = await runHere(["user", "add", "alice"], { env, input: "s3cret é\n" });
    expect(result).toEqual({ status: 0, stdout: "", stderr: "" });
    const [alice] = await readUsersFile(file);
    expect(alice).toMatchObject({ name: "alice", scopes: ["stream:read", "stream:write"] });
    expect(await verifyPassword("s3cret é", alice?.passwordHash ?? "")).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("add takes scopes, refuses a name that is there, and replaces it when asked to", async () => {
    const file = join(tempDir(), "users.json");
    const add = (...more: string[]) =>
      runHere(["user", "add", "reader", "--users-file", file, ...more], { input: "one" });
    await add("--scopes", "stream:read");
    expect(await runHere(["user", "list", "--users-file", file])).toMatchObject({
      stdout: expect.stringContaining('"scopes":["stream:read"]'),
    });
    const again = await add();
    expect(again.status).toBe(1);
    expect(again.stderr).toMatch(/^chatter: already_exists: user "reader" [^\n]+\n$/);
    expect(await add("--replace")).toMatchObject({ status: 0, stderr: "" });
    const [reader] = await readUsersFile(file);
    expect(reader?.scopes).toEqual(["stream:read", "stream:write"]);
  });

  test("add takes scopes for rooms alone, and names the rule for those that are not valid", async () => {
    const file = join(tempDir(), "users.json");
    const add = (scopes: string) =>
      runHere(["user", "add", "bot", "--users-file", file, "--scopes", scopes], { input: "pw" });
    expect((await add("stream:write:team/*,stream:read:news")).status).toBe(0);
    const [bot] = await readUsersFile(file);
    expect(bot?.scopes).toEqual(["stream:write:team/*", "stream:read:news"]);
    const { status, stderr } = await add("stream:read,stream:read:team*");
    expect(status).toBe(2);
    expect(stderr).toContain('"stream:read:team*" is not a scope');
    expect(stderr).toContain("a room has 1 to 128 characters");
  });

  test("add refuses an empty password", async () => {
    const file = join(tempDir(), "users.json");
    const result = await runHere(["user", "add", "alice", "--users-file", file], { input: "\n" });
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/^chatter: invalid_argument: the password has 0 bytes[^\n]+\n$/);
  });

  test("list shows no hashes, and remove removes one account", async () => {
    const file = join(tempDir(), "users.json");
    for (const name of ["alice", "bob"]) {
      await runHere(["user", "add", name, "--users-file", file], { input: "pw" });
    }
    const { stdout } = await runHere(["user", "list", "--users-file", file]);
    expect(parseLines(stdout)).toEqual(
      ["alice", "bob"].map((name) => ({
        name,
        scopes: ["stream:read", "stream:write"],
        created_at: expect.stringMatching(/^\d{4}-.*Z$/),
      })),
    );
    expect(await runHere(["user", "remove", "alice", "--users-file", file])).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
    expect((await readUsersFile(file)).map(({ name }) => name)).toEqual(["bob"]);
    const gone = await runHere(["user", "remove", "alice", "--users-file", file]);
    expect(gone.status).toBe(1);
    expect(gone.stderr).toMatch(/^chatter: not_found: user "alice" [^\n]+\n$/);
  });

  test("says which users file is not there", async () => {
    const file = join(tempDir(), "none.json");
    const { status, stderr } = await runHere(["user", "list", "--users-file", file]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^chatter: not_found: [^\n]+\n$/);
    expect(stderr).toContain(file);
  });
});
