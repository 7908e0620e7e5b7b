import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { DescService } from "@bufbuild/protobuf";
import { build } from "esbuild";
import { onTestFinished } from "vitest";
import { createAuthority } from "./certificates.js";
import { cleanEnvironment } from "./serve.js";
import { tempDir } from "./temp-dir.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface ElizaExample {
  /** Where its server listens, with TLS: "https://127.0.0.1:43210". */
  readonly url: string;
  /** The authority of its certificate, PEM. */
  readonly ca: string;
  /** The services of its generated code. */
  readonly ElizaService: DescService;
  readonly NewsService: DescService;
}

/**
 * Installs examples/eliza without a network, by links to what the checkout has, generates its code
 * and starts its server, until the test ends.
 */
export async function startEliza(): Promise<ElizaExample> {
  const folder = tempDir();
  // Without what somebody has installed and generated there.
  const filter = (path: string) => !/[/\\](node_modules|gen)$/.test(path);
  await cp(join(root, "examples/eliza"), folder, { recursive: true, filter });
  await install(folder);
  const run = promisify(execFile);
  await run("npm", ["run", "generate", "--silent"], { cwd: folder, env: cleanEnvironment({}) });

  const authority = createAuthority();
  const { cert, key } = authority.issue();
  await writeFile(join(folder, "tls.crt"), cert);
  await writeFile(join(folder, "tls.key"), key);
  const child = spawn(process.execPath, ["server.js"], {
    cwd: folder,
    env: cleanEnvironment({ PORT: "0", TLS_CERT: "tls.crt", TLS_KEY: "tls.key" }),
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the example's server ended with ${code}`);
  });
  const [line] = await Promise.race([once(child.stdout, "data"), ended]);
  ended.catch(() => {}); // At the end of the test.
  const generated = (file: string) => import(pathToFileURL(join(folder, "gen", file)).href);
  const { ElizaService } = await generated("connectrpc/eliza/v1/eliza_pb.js");
  const { NewsService } = await generated("news/v1/news_pb.js");
  return { url: String(line).trim(), ca: authority.cert, ElizaService, NewsService };
}

/** The packages of the checkout, and Chatter's own library, compiled. */
async function install(folder: string): Promise<void> {
  const { dependencies, devDependencies } = JSON.parse(
    await readFile(join(folder, "package.json"), "utf8"),
  );
  const modules = join(folder, "node_modules");
  for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    if (name !== "chatter") {
      await symlink(join(root, "node_modules", name), join(modules, name));
    }
  }
  await symlink(join(root, "node_modules/.bin"), join(modules, ".bin"));
  const { exports } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  await mkdir(join(modules, "chatter"));
  await symlink(join(root, "node_modules"), join(modules, "chatter/node_modules"));
  await build({
    absWorkingDir: root,
    entryPoints: ["client/index", "client/node", "server/index", "gen/chatter_pb"].map(
      (name) => `src/${name}.ts`,
    ),
    outbase: "src",
    outdir: join(modules, "chatter/dist"),
    bundle: true,
    splitting: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20",
  });
  await writeFile(
    join(modules, "chatter/package.json"),
    JSON.stringify({ name: "chatter", type: "module", exports }),
  );
}
