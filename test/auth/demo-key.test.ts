import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadOrCreateDemoKeys } from "../../src/server/auth/keys/demo-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { tempDir } from "../support/temp-dir.js";
import { refusalText } from "./connect-errors.js";

const tokensOf = async (dir: string) =>
  createTokens({ key: { list: await loadOrCreateDemoKeys(dir) } });

test("is made with mode 0600, and its folder with it", async () => {
  const dir = join(tempDir(), "new", "data");
  const [key] = await loadOrCreateDemoKeys(dir);
  expect(key?.algorithm).toBe("HS256");
  expect((await stat(join(dir, "signing-key"))).mode & 0o777).toBe(0o600);
  expect((await stat(dir)).mode & 0o777).toBe(0o700);
  expect(await readdir(dir)).toEqual(["signing-key"]);
});

test("is the same after a restart, so tokens stay valid", async () => {
  const dir = tempDir();
  const before = await tokensOf(dir);
  const file = await readFile(join(dir, "signing-key"), "utf8");
  const { token } = await before.issue({ subject: "goa", scopes: [] });
  const after = await tokensOf(dir);
  expect(await after.verify(token)).toMatchObject({ subject: "goa" });
  expect(await readFile(join(dir, "signing-key"), "utf8")).toBe(file);
});

test("is another one in another folder", async () => {
  const here = await tokensOf(tempDir());
  const there = await tokensOf(tempDir());
  const { token } = await here.issue({ subject: "goa", scopes: [] });
  expect(await refusalText(() => there.verify(token))).toBe("Unauthenticated: invalid token");
});

test("is one key when several start together", async () => {
  const dir = tempDir();
  const [one, ...others] = await Promise.all(Array.from({ length: 8 }, () => tokensOf(dir)));
  const { token } = await one!.issue({ subject: "goa", scopes: [] });
  for (const other of others) {
    expect(await other.verify(token)).toMatchObject({ subject: "goa" });
  }
  expect(await readdir(dir)).toEqual(["signing-key"]);
});

test.each([0o640, 0o604, 0o620, 0o666])("is refused with mode %o", async (mode) => {
  const dir = tempDir();
  await loadOrCreateDemoKeys(dir);
  await chmod(join(dir, "signing-key"), mode);
  expect(await refusalText(() => loadOrCreateDemoKeys(dir))).toMatch(
    new RegExp(`^FailedPrecondition: signing key ".*" has mode 0${mode.toString(8)}, .*delete it`),
  );
});

test("is refused if it was cut short", async () => {
  const dir = tempDir();
  await writeFile(join(dir, "signing-key"), "short\n", { mode: 0o600 });
  expect(await refusalText(() => loadOrCreateDemoKeys(dir))).toMatch(
    /^FailedPrecondition: signing key ".*" has 5 bytes/,
  );
});

test("says so if the folder cannot be", async () => {
  const file = join(tempDir(), "file");
  await writeFile(file, "");
  expect(await refusalText(() => loadOrCreateDemoKeys(join(file, "data")))).toMatch(
    /^FailedPrecondition: signing key ".*" can be neither read nor made \(part of the path is not a folder\)$/,
  );
});
