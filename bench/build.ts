import { execFile } from "node:child_process";
import { copyFile, cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
// @ts-expect-error A script without types.
import { bundlePrograms } from "../scripts/build-command.js";

/** The folder of the checkout. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The servers as plain JavaScript, as users get them. */
export interface Build {
  /** The path of Chatter's command. */
  readonly command: string;
  /** The path of a built file: `file("bench/servers/grpc-js.js")`. */
  file(path: string): string;
  remove(): Promise<void>;
}

/**
 * Bundles Chatter's command as the package has it, and compiles its peers with tsc. With tsx they would all be slower: it wraps every
 * function that is created, so that it keeps its name.
 */
export async function buildServers(): Promise<Build> {
  // Inside node_modules, so that imports are found from there and nothing is committed.
  const cache = join(root, "node_modules", ".cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "chatter-bench-"));
  try {
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const project = join(root, "bench", "tsconfig.json");
    await promisify(execFile)(process.execPath, [tsc, "-p", project, "--outDir", folder]);
    await bundlePrograms(["src/program/main.ts"], join(folder, "dist/command"));
    await copyFile(join(root, "package.json"), join(folder, "package.json"));
    await cp(join(root, "proto"), join(folder, "proto"), { recursive: true });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    const { stdout, message } = error as Error & { stdout?: string };
    throw new Error(`the servers cannot be compiled: ${stdout || message}`);
  }
  return {
    command: join(folder, "dist/command/main.js"),
    file: (path) => join(folder, path),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
