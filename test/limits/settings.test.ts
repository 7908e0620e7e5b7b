import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { defaultLimits } from "../../src/server/limits/limits.js";
import { limitSettings } from "../../src/server/settings/limit-settings.js";
import { checkSettings } from "../../src/server/settings/settings.js";

const operations = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");

describe.each(Object.entries(limitSettings))("%s", (name, setting) => {
  const flag = setting.flag.split(" ")[0]!;

  test("has a row in docs/operations.md, with its default", () => {
    const row = operations.split("\n").find((line) => line.startsWith(`| \`${flag}\` |`));
    const value = row?.split("|")[2]?.replaceAll(",", "");
    expect(Number.parseInt(value ?? "", 10)).toBe(Number(setting.default));
  });

  test("refuses what it cannot be, and says what is right", () => {
    for (const wrong of ["-1", "many", "1e3", "9999999999999"]) {
      expect(() => checkSettings({ demo: true, [name]: wrong })).toThrow(
        `${flag} (${setting.variable}) is "${wrong}": it must be a whole number from `,
      );
    }
  });
});

test("a server without settings has the defaults of the library", () => {
  const { onRefused, ...limits } = defaultLimits;
  expect(checkSettings({ demo: true }).limits).toEqual(limits);
});

test("a load test by one user from one machine meets none", () => {
  expect(defaultLimits.maxUserMessages).toBe(0);
  for (const most of ["maxConnectionStreams", "maxAddressConnections", "maxUserStreams"] as const) {
    expect(defaultLimits[most]).toBeGreaterThanOrEqual(20_000);
  }
});
