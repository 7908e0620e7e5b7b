import { execFile } from "node:child_process";
import { copyFile, cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
// @ts-expect-error A script without types.
import { bundlePrograms } from "../scripts/build-command.js";

const run = promisify(execFile);

/** The folder of the checkout. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The servers as plain JavaScript, as users get them. */
export interface Build {
  /** The path of Chatter's command. */
  readonly command: string;
  /** The path of a built file: `file("bench/servers/grpc-js.js")`. */
  file(path: string): string;
  /** The path of a server that is written in Go, by its folder in `bench/servers/go`. */
  goProgram(name: string): string;
  remove(): Promise<void>;
}

export interface BuildOptions {
  /** Whether to build the servers that are written in Go. Default: no. */
  readonly go?: boolean;
}

/**
 * Bundles Chatter's command as the package has it, and compiles its peers with tsc. With tsx they
 * would all be slower: it wraps every function that is created, so that it keeps its name.
 */
export async function buildServers({ go = false }: BuildOptions = {}): Promise<Build> {
  // Inside node_modules, so that imports are found from there and nothing is committed.
  const cache = join(root, "node_modules", ".cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "chatter-bench-"));
  try {
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const project = join(root, "bench", "tsconfig.json");
    await run(process.execPath, [tsc, "-p", project, "--outDir", folder]);
    await bundlePrograms(["src/program/main.ts"], join(folder, "dist/command"));
    await copyFile(join(root, "package.json"), join(folder, "package.json"));
    await cp(join(root, "proto"), join(folder, "proto"), { recursive: true });
    if (go) {
      await buildGoServers(join(folder, "go"));
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    const { stdout, stderr, message } = error as Error & { stdout?: string; stderr?: string };
    throw new Error(`the servers cannot be compiled: ${stdout || stderr || message}`);
  }
  return {
    command: join(folder, "dist/command/main.js"),
    file: (path) => join(folder, path),
    goProgram: (name) => join(folder, "go", "bin", name),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Generates the schema's Go code, and builds the servers, in a copy of their folder. */
async function buildGoServers(folder: string): Promise<void> {
  await cp(join(root, "bench", "servers", "go"), folder, { recursive: true });
  const buf = join(root, "node_modules", ".bin", "buf");
  const health = join(root, "node_modules", "grpc-health-check", "proto");
  const schema = join(root, "proto");
  await run(buf, ["generate", schema, "--path", join(schema, "chatter.proto")], { cwd: folder });
  await run(buf, ["generate", health], { cwd: folder });
  const programs = ["./grpc-go", "./connect-go", "./nats"];
  const into = `bin${sep}`;
  await run("go", ["build", "-trimpath", "-buildvcs=false", "-o", into, ...programs], {
    cwd: folder,
  });
}
