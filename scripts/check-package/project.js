import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { arch, env, platform } from "node:process";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * A new project that has installed the package beside others, with a Node of its own: everything in
 * it runs under that one.
 */
export function makeProject(folder, tarball, node, packages) {
  const nodeFolder = join(folder, "node-of-its-own");
  mkdirSync(nodeFolder, { recursive: true });
  const nodePackage = `node-${platform}-${arch}`;
  writeFileSync(join(nodeFolder, "package.json"), "{}");
  npm(nodeFolder, env, "install", `${nodePackage}@${node}`);

  const nodeBin = join(nodeFolder, "node_modules", nodePackage, "bin");
  const PATH = [join(folder, "node_modules/.bin"), nodeBin, env.PATH].join(delimiter);
  const environment = { ...env, PATH };
  for (const name of ["node", "page"]) {
    cpSync(here(name), join(folder, name), { recursive: true });
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const wanted = Object.entries(packages).map(([name, version]) => `${name}@${version}`);
  npm(folder, environment, "install", tarball, ...wanted);

  const project = {
    folder,
    environment,
    /** Runs a program of the project to its end; throws if it fails. */
    run: (program, ...args) =>
      execFileSync(program, args, { cwd: folder, env: environment, stdio: "inherit" }),
  };
  // A client of its own, made by its own generator.
  const plugin = join(folder, "node_modules/.bin/protoc-gen-es");
  const out = {
    plugins: [{ local: plugin, out: "node/gen", opt: ["target=ts", "import_extension=js"] }],
  };
  const template = JSON.stringify({ version: "v2", ...out });
  const schema = [
    "node_modules/chatter/proto",
    "--path",
    "node_modules/chatter/proto/chatter.proto",
  ];
  project.run(here("../../node_modules/.bin/buf"), "generate", "--template", template, ...schema);
  return project;
}

function npm(cwd, env, ...args) {
  const quiet = ["--no-audit", "--no-fund", "--loglevel", "error", "--prefer-offline"];
  execFileSync("npm", [...args, ...quiet], { cwd, env, stdio: ["ignore", "ignore", "inherit"] });
}
