import { expect, test } from "vitest";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { demoUsers } from "../../src/server/auth/users/demo-users.js";
import { createUsers, newUser } from "../../src/server/auth/users/users.js";
import { refusalText } from "./connect-errors.js";
import { secret } from "./forged-token.js";

const tokens = createTokens({ key: await parseSigningKey(secret, "test") });
const cost = { logN: 4, r: 8, p: 1 };
const never = () => new AbortController().signal;

test("the demo account may read and write", async () => {
  const auth = createAuth({ users: demoUsers(), tokens });
  const { token, expiresAt } = await auth.login("goa", "rocks", never());
  expect(await auth.verify(token)).toEqual({
    subject: "goa",
    scopes: ["stream:read", "stream:write"],
    tokenId: expect.any(String),
    expiresAt,
    issuedAt: expiresAt - 3_600_000,
    login: true,
    keyThumbprint: expect.any(String),
  });
});

test("a token has its account's name and scopes", async () => {
  const names = ["reader", "__proto__", "constructor", "名前", "x".repeat(128)];
  const accounts = names.map((name) =>
    newUser({ name, password: `of ${name}`, scopes: ["stream:read"], cost }),
  );
  const auth = createAuth({ users: createUsers(await Promise.all(accounts)), tokens });
  for (const name of names) {
    const { token } = await auth.login(name, `of ${name}`, never());
    expect(await auth.verify(token)).toMatchObject({ subject: name, scopes: ["stream:read"] });
  }
});

test.each([
  ["goa", "Rocks"],
  ["goa", ""],
  ["goa", "rocks\0"],
  ["Goa", "rocks"],
  ["", ""],
  ["__proto__", "rocks"],
])("%j with %j is refused", async (name, password) => {
  const auth = createAuth({ users: demoUsers(), tokens });
  expect(await refusalText(() => auth.login(name, password, never()))).toBe(
    "Unauthenticated: invalid username and password combination",
  );
});

test.each(["", "a:b", "a\u0000", "a\u009f", "a\nb", "\ud800", "x".repeat(129), "é".repeat(65)])(
  "no account is named %j",
  async (name) => {
    expect(await refusalText(() => newUser({ name, password: "rocks", scopes: [], cost }))).toMatch(
      /^InvalidArgument: user name /,
    );
  },
);
