import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { TestProject } from "vitest/node";
// @ts-expect-error A script without types.
import { buildPage } from "../../scripts/build-page.js";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder with `src` and `test/support` as plain JavaScript. */
    compiled: string;
  }
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Compiles the program, and the programs that tests start, once for all tests: a start through
 * tsx takes a second of CPU more, and there are hundreds. Returns a function that removes it.
 */
export default async function compile(project: TestProject): Promise<() => void> {
  // Inside node_modules, so that imports are found from there and nothing is committed.
  const cache = join(root, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "chatter-test-"));
  await build({
    absWorkingDir: root,
    entryPoints: [...filesIn("src"), ...filesIn("test/support")],
    outbase: ".",
    outdir: folder,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: "inline",
  });
  copyFileSync(join(root, "package.json"), join(folder, "package.json"));
  mkdirSync(join(folder, "src/page"));
  for (const { name, contents } of await buildPage()) {
    writeFileSync(join(folder, "src/page", name), contents);
  }
  project.provide("compiled", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
}
