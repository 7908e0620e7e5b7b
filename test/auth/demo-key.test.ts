import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadOrCreateDemoKey } from "../../src/server/auth/demo-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { tempDir } from "../support/temp-dir.js";
import { refusalText } from "./connect-errors.js";

it("is made with mode 0600, and its folder with it", async () => {
  const dir = join(tempDir(), "new", "data");
  const key = await loadOrCreateDemoKey(dir);
  expect(key.algorithm).toBe("HS256");
  expect((await stat(join(dir, "signing-key"))).mode & 0o777).toBe(0o600);
  expect((await stat(dir)).mode & 0o777).toBe(0o700);
  expect(await readdir(dir)).toEqual(["signing-key"]);
});

it("is the same after a restart, so tokens stay valid", async () => {
  const dir = tempDir();
  const before = createTokens({ key: await loadOrCreateDemoKey(dir) });
  const file = await readFile(join(dir, "signing-key"), "utf8");
  const { token } = await before.issue({ subject: "goa", scopes: [] });
  const after = createTokens({ key: await loadOrCreateDemoKey(dir) });
  expect(await after.verify(token)).toMatchObject({ subject: "goa" });
  expect(await readFile(join(dir, "signing-key"), "utf8")).toBe(file);
});

it("is another one in another folder", async () => {
  const here = createTokens({ key: await loadOrCreateDemoKey(tempDir()) });
  const there = createTokens({ key: await loadOrCreateDemoKey(tempDir()) });
  const { token } = await here.issue({ subject: "goa", scopes: [] });
  expect(await refusalText(() => there.verify(token))).toBe("Unauthenticated: invalid token");
});

it("is one key when several start together", async () => {
  const dir = tempDir();
  const keys = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateDemoKey(dir)));
  const { token } = await createTokens({ key: keys[0]! }).issue({ subject: "goa", scopes: [] });
  for (const key of keys) {
    expect(await createTokens({ key }).verify(token)).toMatchObject({ subject: "goa" });
  }
  expect(await readdir(dir)).toEqual(["signing-key"]);
});

it.each([0o640, 0o604, 0o620, 0o666])("is refused with mode %o", async (mode) => {
  const dir = tempDir();
  await loadOrCreateDemoKey(dir);
  await chmod(join(dir, "signing-key"), mode);
  expect(await refusalText(() => loadOrCreateDemoKey(dir))).toMatch(
    new RegExp(`^FailedPrecondition: signing key ".*" has mode 0${mode.toString(8)}, .*delete it`),
  );
});

it("is refused if it was cut short", async () => {
  const dir = tempDir();
  await writeFile(join(dir, "signing-key"), "short\n", { mode: 0o600 });
  expect(await refusalText(() => loadOrCreateDemoKey(dir))).toMatch(
    /^FailedPrecondition: signing key ".*" has 5 bytes/,
  );
});

it("says so if the folder cannot be", async () => {
  const file = join(tempDir(), "file");
  await writeFile(file, "");
  expect(await refusalText(() => loadOrCreateDemoKey(join(file, "data")))).toMatch(
    /^FailedPrecondition: signing key ".*" can be neither read nor made \(ENOTDIR\)$/,
  );
});
