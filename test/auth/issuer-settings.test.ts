import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/errors/usage-error.js";
import { checkSettings } from "../../src/server/settings/settings.js";

const given = { demo: true, issuer: "https://login.example.com/", jwksUrl: "https://a.example/k" };

describe("an outside issuer", () => {
  test("is named with its keys, the claim and the map", () => {
    const settings = { ...given, scopeClaim: "roles", scopeMap: "a=stream:read, b=c=stream:write" };
    expect(checkSettings(settings).accounts.issuer).toEqual({
      issuer: given.issuer,
      jwksUrl: new URL(given.jwksUrl),
      scopeClaim: "roles",
      scopeMap: new Map([
        ["a", "stream:read"],
        ["b=c", "stream:write"],
      ]),
    });
    expect(checkSettings({ demo: true }).accounts.issuer).toBeUndefined();
  });

  test("may have tokens for some rooms alone", () => {
    const scopeMap = "team=stream:write:team/*,news=stream:read:news";
    expect(checkSettings({ ...given, scopeMap }).accounts.issuer?.scopeMap).toEqual(
      new Map([
        ["team", "stream:write:team/*"],
        ["news", "stream:read:news"],
      ]),
    );
  });

  test.each(["http://localhost:1/k", "http://127.0.0.9/k", "http://[::1]:8/k"])(
    "may publish its keys without TLS on this machine: %s",
    (jwksUrl) => {
      expect(checkSettings({ ...given, jwksUrl }).accounts.issuer?.jwksUrl.href).toBe(jwksUrl);
    },
  );

  test.each([
    [{ jwksUrl: undefined }, /^--issuer and --jwks-url belong together.*--token-issuer$/],
    [{ issuer: undefined }, /^--issuer and --jwks-url belong together/],
    [
      { issuer: undefined, jwksUrl: undefined, scopeClaim: "roles" },
      /^--scope-claim and --scope-map .* give --issuer and --jwks-url$/,
    ],
    [{ issuer: "chatter" }, /^--issuer and --token-issuer must differ/],
    [{ issuer: "x".repeat(100) }, /^--issuer .* at most 90 bytes/],
    [{ jwksUrl: "http://login.example.com/k" }, /^--jwks-url .* begins with https:/],
    [{ jwksUrl: "http://127.example.com/k" }, /^--jwks-url .* begins with https:/],
    [{ jwksUrl: "file:///etc/passwd" }, /^--jwks-url .* begins with https:/],
    [{ jwksUrl: "keys" }, /^--jwks-url .* begins with https:/],
    [{ jwksUrl: "https://user:hunter2@a.example/k" }, /^--jwks-url .* no user and no password$/],
    [{ scopeMap: "a" }, /^--scope-map .* pairs such as/],
    [{ scopeMap: "a=stream:all" }, /^--scope-map .* pairs such as/],
    [{ scopeMap: "a=stream:read:team*" }, /^--scope-map .* stream:read:team\/\*$/],
    [{ scopeMap: "=stream:read" }, /^--scope-map .* pairs such as/],
    [{ scopeMap: "a b=stream:read" }, /^--scope-map .* pairs such as/],
    [{ scopeMap: "a=stream:read,a=stream:write" }, /^--scope-map .* pairs such as/],
  ])("is refused with %j", (changes, reason) => {
    expect(() => checkSettings({ ...given, ...changes })).toThrow(UsageError);
    expect(() => checkSettings({ ...given, ...changes })).toThrow(reason);
    expect(() => checkSettings({ ...given, ...changes })).not.toThrow("hunter2");
  });
});

test("accounts are somewhere, and what signs their tokens", () => {
  const outside = { issuer: given.issuer, jwksUrl: given.jwksUrl };
  expect(checkSettings(outside).accounts).toMatchObject({ demo: false, usersFile: undefined });
  expect(() => checkSettings({})).toThrow(/no accounts: give --users-file .* --issuer .* --demo/);
  expect(() => checkSettings({ ...outside, usersFile: "u" })).toThrow(/^no signing key/);
});
