import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
// @ts-expect-error A script without types.
import { bundlePrograms } from "../../scripts/build-command.js";
// @ts-expect-error A script without types.
import { buildPage } from "../../scripts/build-page.js";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder of the programs that tests start, as plain JavaScript. */
    compiled: string;
  }
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What tests start, beside the program itself. */
const programs = ["crash/recorded-log", "log-poster", "log-reader", "server-process-main"];

/**
 * Bundles the program, and the programs that tests start, once for all tests: a start through
 * tsx takes another second of CPU, and there are hundreds. Returns a function that removes it.
 */
export default async function compile(project: TestProject): Promise<() => void> {
  // Inside node_modules, so that imports are found from there and nothing is committed.
  const cache = join(root, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "chatter-test-"));
  await bundlePrograms(
    ["src/program/main.ts", ...programs.map((name) => `test/support/${name}.ts`)],
    join(folder, "programs"),
  );
  copyFileSync(join(root, "package.json"), join(folder, "package.json"));
  mkdirSync(join(folder, "dist/page"), { recursive: true });
  for (const { name, contents } of await buildPage()) {
    writeFileSync(join(folder, "dist/page", name), contents);
  }
  project.provide("compiled", join(folder, "programs"));
  return () => rmSync(folder, { recursive: true, force: true });
}
