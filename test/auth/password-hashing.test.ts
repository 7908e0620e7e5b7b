import { scryptSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { dummyHash, hashPassword, verifyPassword } from "../../src/server/auth/passwords.js";
import { refusalText } from "./connect-errors.js";

const cheap = { logN: 4, r: 8, p: 1 };

describe("a password's hash", () => {
  test("fits its password and no other", async () => {
    for (const password of ["rocks", " ", "pass:word", "密码🔑", "x".repeat(1024)]) {
      const hash = await hashPassword(password, cheap);
      expect(await verifyPassword(password, hash)).toBe(true);
      for (const other of [
        "",
        `${password}x`,
        `${password} `,
        `${password}\0`,
        password.slice(1),
        "ROCKS",
      ]) {
        expect(await verifyPassword(other, hash)).toBe(false);
      }
    }
  });

  test("is salted: twice the same password, two hashes", async () => {
    expect(await hashPassword("rocks", cheap)).not.toBe(await hashPassword("rocks", cheap));
  });

  test("says how it was made, with OWASP's cost unless set otherwise", async () => {
    const hash = await hashPassword("rocks");
    const [, salt, key] = /^\$scrypt\$ln=15,r=8,p=3\$(.{22})\$(.{43})$/.exec(hash)!;
    const options = { N: 2 ** 15, r: 8, p: 3, maxmem: 2 ** 27 };
    const derived = scryptSync("rocks", Buffer.from(salt!, "base64"), 32, options);
    expect(derived.toString("base64")).toBe(`${key}=`);
    expect(await verifyPassword("rocks", hash)).toBe(true);
  });

  test("fits an accent however it is composed", async () => {
    const hash = await hashPassword("caf\u00e9", cheap);
    expect(await verifyPassword("cafe\u0301", hash)).toBe(true);
    expect(await verifyPassword("cafe", hash)).toBe(false);
  });

  test("fits nothing as a dummy hash", async () => {
    expect(await verifyPassword("", dummyHash(cheap))).toBe(false);
    expect(await verifyPassword("rocks", dummyHash(cheap))).toBe(false);
  });
});

describe("what is refused", () => {
  test.each(["rocks\0", "ro\tcks", "rocks\n", "\u009f", "\ud800"])("%j", async (password) => {
    expect(await refusalText(() => hashPassword(password, cheap))).toBe(
      "InvalidArgument: the password has a control character or a lone surrogate in it",
    );
  });

  test.each(["", "x".repeat(1025), "é".repeat(513)])(
    "a password out of range",
    async (password) => {
      expect(await refusalText(() => hashPassword(password, cheap))).toMatch(
        /^InvalidArgument: the password has \d+ bytes of UTF-8, not 1 to 1024$/,
      );
    },
  );

  const salt = "A".repeat(22);
  const key = "A".repeat(43);
  test.each([
    "",
    "rocks",
    "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
    `$scrypt$ln=4,r=8,p=1$${salt}$`,
    `$scrypt$ln=4,r=8,p=1$$${key}`,
    `$scrypt$ln=4,r=8$${salt}$${key}`,
    `$scrypt$ln=4,r=8,p=1$${salt}$${key}$`,
    `$scrypt$ln=4,r=8,p=1$${salt}$${key}\n`,
    `$scrypt$ln=0,r=8,p=1$${salt}$${key}`,
    `$scrypt$ln=21,r=1,p=1$${salt}$${key}`,
    `$scrypt$ln=20,r=8,p=1$${salt}$${key}`,
    `$scrypt$ln=4,r=33,p=1$${salt}$${key}`,
    `$scrypt$ln=4,r=8,p=17$${salt}$${key}`,
  ])("%j as a hash", async (hash) => {
    expect(await refusalText(() => verifyPassword("rocks", hash))).toMatch(
      /^InvalidArgument: the password hash (is not of the form|has the cost)/,
    );
  });

  test("without quoting what may be a password", async () => {
    expect(await refusalText(() => verifyPassword("rocks", "hunter2"))).not.toContain("hunter2");
  });
});
