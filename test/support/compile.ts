import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import type { TestProject } from "vitest/node";
// @ts-expect-error A script without types.
import { bundlePrograms } from "../../scripts/build-command.js";
// @ts-expect-error A script without types.
import { buildPage } from "../../scripts/build-page.js";
import { compiledFolder, root } from "./compiled-folder.js";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder of what is compiled for the tests of this run. */
    compiled: string;
  }
}

/** What tests start. */
const programs = [
  "src/program/main.ts",
  ...["crash/recorded-log", "log-poster", "log-reader", "server-process-main"].map(
    (name) => `test/support/${name}.ts`,
  ),
  ...["main", "cluster", "log"].map((name) => `bench/${name}.ts`),
];

/**
 * Compiles once for all tests: the modules of `src` that they import, and bundles of
 * the programs that they start (a start through tsx takes another second of CPU, and there are
 * hundreds). Returns a function that removes it.
 */
export default async function compile(project: TestProject): Promise<() => void> {
  const inFolder = (path: string) => join(compiledFolder, path);
  mkdirSync(inFolder("dist/page"), { recursive: true });
  await Promise.all([
    compileModules(inFolder("modules")),
    bundlePrograms(programs, inFolder("programs")),
  ]);
  copyFileSync(join(root, "package.json"), inFolder("package.json"));
  for (const { name, contents } of await buildPage()) {
    writeFileSync(inFolder(`dist/page/${name}`), contents);
  }
  project.provide("compiled", compiledFolder);
  return () => rmSync(compiledFolder, { recursive: true, force: true });
}

async function compileModules(outdir: string): Promise<void> {
  const sources = join(root, "src");
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" });
  await build({
    entryPoints: files.filter((file) => file.endsWith(".ts")).map((file) => join(sources, file)),
    outbase: sources,
    outdir,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: "linked",
  });
}
