import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { tempDir } from "../support/temp-dir.js";

const folder = fileURLToPath(new URL("../../scripts/check-expressions", import.meta.url));
const isSkipped =
  !existsSync(join(folder, "node_modules")) && process.env.CHATTER_TEST_REQUIRE_ALL === undefined;
if (isSkipped) {
  console.warn("skipped: npm ci --prefix scripts/check-expressions --omit=optional has not run");
}

/** Checks a folder with one file of this content. */
function check(content: string): Promise<{ status: number; output: string }> {
  const checked = tempDir();
  writeFileSync(join(checked, "checked.ts"), content);
  return new Promise((resolve) => {
    execFile(process.execPath, [join(folder, "check.js"), checked], (error, output, errors) =>
      resolve({ status: Number(error?.code ?? 0), output: output + errors }),
    );
  });
}

describe.skipIf(isSkipped)("the check of regular expressions", () => {
  test("passes those that are linear", async () => {
    const { status, output } = await check(
      'export const tag = (text: string) => /^"[a-z]*"$/.test(text) && !/^[ab]+c/.test("");',
    );
    expect({ status, output }).toEqual({
      status: 0,
      output: "2 regular expressions, 0 of them at fault\n",
    });
  });

  test("fails for each that is not, wherever it stands", async () => {
    const { status, output } = await check(
      `export const tags = (text: string) => text.split(/\\s*,\\s*/);
export const isWord = (text: string): boolean => /^(a+)+$/.test(text);
export const end = new RegExp("/+$");
export const found = "b".match("/+$") satisfies unknown;
export const has = (text: string, part: string) => new RegExp(part).test(text);
`,
    );
    expect(output.match(/(?<=checked\.ts:).*? time(?:\)|(?=,))/g)).toEqual([
      "1: \\s*,\\s*: takes 2nd degree polynomial time",
      "2: ^(a+)+$: takes exponential time",
      "3: /+$: takes 2nd degree polynomial time",
      "4: /+$: takes 2nd degree polynomial time",
      "5: (made at run time)",
    ]);
    expect(status).toBe(1);
  });

  test("fails for a folder in which it finds none", async () => {
    expect((await check("export {};")).status).toBe(1);
  });
});
