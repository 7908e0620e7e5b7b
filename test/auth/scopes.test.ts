import { expect, test } from "vitest";
import { checkScopes, type FullScope, requireScope } from "../../src/server/auth/scopes.js";
import { refusalText } from "./connect-errors.js";

test.each<[FullScope, string[]]>([
  ["stream:read", ["stream:read"]],
  ["stream:read", ["stream:write"]],
  ["stream:read", ["other", "stream:read"]],
  ["stream:write", ["stream:write"]],
  ["stream:write", ["stream:read", "stream:write"]],
])("%s is given by %j", (scope, scopes) => {
  requireScope({ scopes }, scope);
});

test.each<[FullScope, string[]]>([
  ["stream:read", []],
  ["stream:read", ["stream", "stream:*", "STREAM:READ", "stream:read "]],
  ["stream:write", []],
  ["stream:write", ["stream:read"]],
  ["stream:write", ["stream:read stream:write"]],
])("%s is not given by %j", async (scope, scopes) => {
  expect(await refusalText(() => requireScope({ scopes }, scope))).toBe(
    "PermissionDenied: invalid scopes in token",
  );
});

test("a name that is not a scope is refused", async () => {
  expect(checkScopes(["stream:write", "stream:read"])).toEqual(["stream:write", "stream:read"]);
  for (const stranger of ["stream:all", "", "toString"]) {
    expect(await refusalText(() => checkScopes(["stream:read", stranger]))).toBe(
      `InvalidArgument: "${stranger}" is not a scope: the scopes are stream:read and stream:write`,
    );
  }
});
