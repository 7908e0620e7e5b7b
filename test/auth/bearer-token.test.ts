import { expect, test } from "vitest";
import { parseBearerToken } from "../../src/server/auth/bearer-token.js";
import { refusalText } from "./connect-errors.js";

test.each(["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c", "Bearer   a.b.c", "a.b.c"])(
  "%j has a token",
  (header) => {
    expect(parseBearerToken(header)).toBe("a.b.c");
  },
);

test.each([
  null,
  "",
  " ",
  "Bearer",
  "bearer ",
  "Basic Z29hOnJvY2tz",
  "Bearer a.b.c, Bearer d",
  "a b",
])("%j has none", async (header) => {
  expect(await refusalText(() => parseBearerToken(header))).toBe(
    'Unauthenticated: missing token: send "Authorization: Bearer TOKEN"',
  );
});
