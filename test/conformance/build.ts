import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** This folder. */
export const here = dirname(fileURLToPath(import.meta.url));
/** The folder of the checkout. */
export const root = dirname(dirname(here));

/** The programs under test as plain JavaScript. */
export interface Build {
  /** The path of a program's file: `file("servers/listen")`. */
  file(name: string): string;
  /** A folder for what a run needs. */
  readonly folder: string;
  remove(): Promise<void>;
}

/**
 * Makes TypeScript of the suite's messages, and compiles the programs under test with Chatter: by
 * tsx each of them would take seconds to start, and be slower.
 *
 * @param protos the folder with the definitions of the messages
 */
export async function buildPrograms(protos: string): Promise<Build> {
  await run("@bufbuild/buf/bin/buf", "generate", protos, "--template", join(here, "buf.gen.yaml"));
  // Inside node_modules, so that imports are found from there and nothing is committed.
  const cache = join(root, "node_modules", ".cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "chatter-conformance-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await run("typescript/bin/tsc", "-p", here, "--outDir", folder);
    await copyFile(join(root, "package.json"), join(folder, "package.json"));
  } catch (error) {
    await remove();
    throw error;
  }
  return { file: (name) => join(folder, "test", "conformance", `${name}.js`), folder, remove };
}

async function run(program: string, ...args: string[]): Promise<void> {
  const path = join(root, "node_modules", program);
  try {
    await promisify(execFile)(process.execPath, [path, ...args], { cwd: root });
  } catch (error) {
    const { stdout, stderr, message } = error as Error & { stdout?: string; stderr?: string };
    throw new Error(`${program} failed: ${stdout || stderr || message}`);
  }
}
