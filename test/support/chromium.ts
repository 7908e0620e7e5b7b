import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe } from "vitest";

const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const isSkipped = !existsSync(executablePath) && process.env.CHATTER_TEST_REQUIRE_ALL === undefined;

/** Tests with one browser for all of them; skipped, with a line, where there is none. */
export function describeInChromium(name: string, tests: (browser: () => Browser) => void): void {
  if (isSkipped) {
    console.warn(`skipped: there is no Chromium at ${executablePath} (CHROMIUM_PATH)`);
  }
  describe.skipIf(isSkipped)(name, () => {
    let browser: Browser;

    beforeAll(async () => {
      browser = await chromium.launch({
        executablePath,
        args: [
          "--headless",
          "--no-sandbox",
          "--disable-gpu",
          "--disable-quic",
          "--no-first-run",
          "--disable-background-networking",
          "--disable-component-update",
          "--disable-sync",
        ],
      });
    }, 60_000);

    afterAll(() => browser?.close());

    tests(() => browser);
  });
}

/** A file and what it imports as one script for a page. A module of Node's in it is an error. */
export async function bundleForPage(entry: URL, options: BuildOptions = {}): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(entry)],
    bundle: true,
    platform: "browser",
    format: "iife",
    target: "es2022",
    ...options,
    write: false,
  });
  return outputFiles[0]!.text;
}
