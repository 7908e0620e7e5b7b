import { existsSync } from "node:fs";
import {
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { newUser } from "../../src/server/auth/users/users.js";
import { addUser, readUsersFile, removeUser } from "../../src/server/auth/users/users-file.js";
import { lockFile } from "../../src/server/util/file-lock.js";
import { tempDir } from "../support/temp-dir.js";
import { refusalText } from "./connect-errors.js";

const cost = { logN: 4, r: 8, p: 1 };
const account = (name: string, password = "rocks") =>
  newUser({ name, password, scopes: ["stream:read"], cost });

const newPath = () => join(tempDir(), "users.json");

describe("changing the file", () => {
  test("adds accounts and reads them back, in order", async () => {
    const path = newPath();
    const users = await Promise.all(
      ["goa", "__proto__", "toString", "名 前"].map((n) => account(n)),
    );
    for (const user of users) {
      await addUser(path, user);
    }
    expect(await readUsersFile(path)).toEqual(users);
  });

  test("writes the documented form", async () => {
    const path = newPath();
    const user = { ...(await account("goa")), createdAt: Date.UTC(2025, 0, 31, 12) };
    await addUser(path, user);
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual({
      users: [
        {
          name: "goa",
          password_hash: user.passwordHash,
          scopes: ["stream:read"],
          created_at: "2025-01-31T12:00:00.000Z",
        },
      ],
    });
  });

  test("replaces an account only if asked, in its place, with its time", async () => {
    const path = newPath();
    const old = { ...(await account("goa")), createdAt: 1_000 };
    const other = await account("other");
    await addUser(path, old);
    await addUser(path, other);
    const fresh = await account("goa", "rolls");
    expect(await refusalText(() => addUser(path, fresh))).toBe(
      `AlreadyExists: user "goa" is already in users file ${JSON.stringify(path)}`,
    );
    expect(await readUsersFile(path)).toEqual([old, other]);
    await addUser(path, fresh, { replace: true });
    expect(await readUsersFile(path)).toEqual([{ ...fresh, createdAt: 1_000 }, other]);
  });

  test("removes an account", async () => {
    const path = newPath();
    await addUser(path, await account("goa"));
    await addUser(path, await account("__proto__"));
    expect(await refusalText(() => removeUser(path, "nobody"))).toMatch(/^NotFound: user "nobody"/);
    await removeUser(path, "goa");
    expect((await readUsersFile(path)).map(({ name }) => name)).toEqual(["__proto__"]);
    await removeUser(path, "__proto__");
    expect(await readUsersFile(path)).toEqual([]);
  });

  test("makes a file of mode 0600, and leaves nothing else in the folder", async () => {
    const path = newPath();
    await addUser(path, await account("goa"));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(path, ".."))).toEqual(["users.json"]);
  });

  test("leaves a file to those who could read it, such as the server by its group", async () => {
    const path = newPath();
    await addUser(path, await account("goa"));
    for (const mode of [0o640, 0o400]) {
      await chmod(path, mode);
      await addUser(path, await account(`user ${mode}`));
      expect((await stat(path)).mode & 0o777).toBe(mode);
    }
  });

  test("puts a new file in the old one's place, so that no reader sees half of one", async () => {
    const path = newPath();
    await addUser(path, await account("goa"));
    const before = await stat(path);
    await addUser(path, await account("other"));
    expect((await stat(path)).ino).not.toBe(before.ino);
  });

  test("follows a symbolic link", async () => {
    const dir = tempDir();
    const [path, real] = [join(dir, "link.json"), join(dir, "real.json")];
    await addUser(real, await account("goa"));
    await symlink("real.json", path);
    await addUser(path, await account("other"));
    expect(await readlink(path)).toBe("real.json");
    expect(await readUsersFile(real)).toHaveLength(2);
  });

  test("loses no change of several at once: each is there or was refused", async () => {
    const path = newPath();
    const users = await Promise.all(Array.from({ length: 8 }, (_, i) => account(`user${i}`)));
    const results = await Promise.allSettled(users.map((user) => addUser(path, user)));
    const added = users.filter((_, i) => results[i]!.status === "fulfilled");
    const names = (await readUsersFile(path)).map(({ name }) => name).sort();
    expect(names).toEqual(added.map(({ name }) => name));
    expect(added.length).toBeGreaterThan(0);
  });

  test("says whose lock it is while another process has it", async () => {
    const path = newPath();
    await writeFile(`${path}.tmp`, "half");
    const holder = await open(`${path}.tmp`, "r+");
    onTestFinished(() => holder.close());
    expect(await lockFile(holder.fd)).toBe(true);
    expect(await refusalText(async () => addUser(path, await account("goa")))).toBe(
      `Unavailable: users file ${JSON.stringify(path)} is being changed by another process: ` +
        `try again, or delete ${JSON.stringify(`${path}.tmp`)} if there is none`,
    );
    expect(await readFile(`${path}.tmp`, "utf8")).toBe("half");
  });

  test("is not blocked by what a command that was killed has left", async () => {
    const path = newPath();
    await writeFile(`${path}.tmp`, "half a file, longer than the whole one will be ".repeat(99));
    await addUser(path, await account("goa"));
    expect((await readUsersFile(path)).map(({ name }) => name)).toEqual(["goa"]);
    expect(existsSync(`${path}.tmp`)).toBe(false);
  });

  test("changes nothing in a file that it cannot read", async () => {
    const path = newPath();
    await writeFile(path, "{ not json");
    expect(await refusalText(async () => addUser(path, await account("goa")))).toMatch(
      /is not JSON$/,
    );
    expect(await readFile(path, "utf8")).toBe("{ not json");
    expect(await readdir(join(path, ".."))).toEqual(["users.json"]);
  });

  test("says so if the folder is not there", async () => {
    const path = join(tempDir(), "no", "users.json");
    expect(await refusalText(async () => addUser(path, await account("goa")))).toMatch(
      /^FailedPrecondition: users file ".*" cannot be written \(no such file or folder\)$/,
    );
  });
});

describe("reading", () => {
  const hash = `$scrypt$ln=4,r=8,p=1$${"A".repeat(22)}$${"A".repeat(43)}`;
  const entry = {
    name: "goa",
    password_hash: hash,
    scopes: ["stream:read"],
    created_at: "2025-01-31T12:00:00Z",
  };
  const { created_at: _, ...withoutTime } = entry;
  const listOf = (...users: unknown[]) => JSON.stringify({ users });
  const notAnObject = 'is not an object with the one field "users", a list';
  const badEntry =
    "users[0] is not an object with the fields name, password_hash, scopes, created_at";

  test("takes what someone wrote by hand", async () => {
    const path = newPath();
    await writeFile(path, listOf({ ...entry, scopes: [] }));
    expect(await readUsersFile(path)).toEqual([
      { name: "goa", passwordHash: hash, scopes: [], createdAt: Date.UTC(2025, 0, 31, 12) },
    ]);
  });

  test.each([
    ["", "is not JSON"],
    ["{", "is not JSON"],
    ["null", notAnObject],
    ["[]", notAnObject],
    ["{}", notAnObject],
    ['{"users":{}}', notAnObject],
    ['{"users":[],"more":1}', notAnObject],
    ['{"__proto__":{"users":[]}}', notAnObject],
    [listOf(null), badEntry],
    [listOf([]), badEntry],
    [listOf({}), badEntry],
    [listOf(withoutTime), badEntry],
    [listOf({ ...withoutTime, createdAt: "x" }), badEntry],
    [listOf({ ...entry, admin: true }), badEntry],
    [listOf({ ...entry, name: 7 }), "users[0]: name is not a text"],
    [listOf({ ...entry, name: "" }), 'users[0]: user name "" has 0 bytes of UTF-8, not 1 to 128'],
    [
      listOf({ ...entry, name: "a:b" }),
      'users[0]: user name "a:b" has a colon in it, which cannot be sent by HTTP Basic',
    ],
    [listOf({ ...entry, password_hash: null }), "users[0]: password_hash is not a text"],
    [
      listOf({ ...entry, password_hash: "hunter2" }),
      'users[0]: the password hash is not of the form "$scrypt$ln=15,r=8,p=3$SALT$HASH"',
    ],
    [listOf({ ...entry, scopes: "stream:read" }), "users[0]: scopes is not a list of texts"],
    [listOf({ ...entry, scopes: [7] }), "users[0]: scopes is not a list of texts"],
    [
      listOf({ ...entry, scopes: ["stream:all"] }),
      'users[0]: "stream:all" is not a scope: the scopes are stream:read and stream:write',
    ],
    [
      listOf({ ...entry, created_at: "yesterday" }),
      'users[0]: created_at is not a time such as "2025-01-31T12:00:00.000Z"',
    ],
    [
      listOf(entry, { ...entry, name: "other" }, entry),
      'users[0] and users[2] have the same name, "goa"',
    ],
  ])("refuses %s", async (content, fault) => {
    const path = newPath();
    await writeFile(path, content);
    expect(await refusalText(() => readUsersFile(path))).toBe(
      `FailedPrecondition: users file ${JSON.stringify(path)}: ${fault}`,
    );
  });

  test("says how to make a file that is not there", async () => {
    const path = newPath();
    expect(await refusalText(() => readUsersFile(path))).toBe(
      `NotFound: users file ${JSON.stringify(path)} does not exist: ` +
        'make it with "chatter user add NAME"',
    );
    expect(await refusalText(() => removeUser(path, "goa"))).toMatch(
      /^NotFound: .* does not exist/,
    );
    expect(await readdir(join(path, ".."))).toEqual([]);
  });

  test("says so if it is no file", async () => {
    const path = newPath();
    await mkdir(path);
    expect(await refusalText(() => readUsersFile(path))).toBe(
      `FailedPrecondition: users file ${JSON.stringify(path)} cannot be read (it is a folder)`,
    );
  });
});
