import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { afterAll, expect, test, vi } from "vitest";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { demoUsers } from "../../src/server/auth/users/demo-users.js";
import { createUsers, newUser, type Users } from "../../src/server/auth/users/users.js";
import { refusalText } from "./connect-errors.js";
import { secret } from "./forged-token.js";

// The work that is done is compared, not its duration.
const scrypt = vi.spyOn(crypto, "scrypt");
syncBuiltinESMExports();

const tokens = createTokens({ key: await parseSigningKey(secret, "test") });

afterAll(() => {
  scrypt.mockRestore();
  syncBuiltinESMExports();
});

/** What a refused login says, and the parameters of each scrypt that it ran. */
async function refusedLogin(users: Users, name: string, password: string) {
  scrypt.mockClear();
  const auth = createAuth({ users, tokens });
  const text = await refusalText(() => auth.login(name, password, new AbortController().signal));
  const work = scrypt.mock.calls.map(([, salt, length, options]) => [
    (salt as Buffer).length,
    length,
    options,
  ]);
  return { text, work };
}

const strangers = [
  "nobody",
  "",
  "GOA",
  "goa ",
  "goa\0",
  "__proto__",
  "constructor",
  "x".repeat(9999),
];

test("an unknown user's login does the work of a known one's, and says the same", async () => {
  const known = await refusedLogin(demoUsers(), "goa", "wrong");
  expect(known.text).toBe("Unauthenticated: invalid username and password combination");
  expect(known.work).toHaveLength(1);
  for (const name of strangers) {
    expect(await refusedLogin(demoUsers(), name, "rocks")).toEqual(known);
  }
});

test("the work is that of the costliest account", async () => {
  const account = (name: string, logN: number) =>
    newUser({ name, password: "rocks", scopes: [], cost: { logN, r: 8, p: 1 } });
  const users = createUsers([await account("a", 3), await account("b", 6), await account("c", 4)]);
  const costliest = await refusedLogin(users, "b", "wrong");
  expect(await refusedLogin(users, "nobody", "wrong")).toEqual(costliest);
});

test("without any account there is work too", async () => {
  const { work } = await refusedLogin(createUsers([]), "nobody", "rocks");
  expect(work).toEqual([[16, 32, expect.objectContaining({ N: 2 ** 15, r: 8, p: 3 })]]);
});
