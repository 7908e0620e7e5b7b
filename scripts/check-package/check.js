// Packs the package as `npm publish` would, and looks at it as its users do: the files and types that
// it has, then a Node program and a page made by Vite, each beside the oldest and beside the newest of
// what they share with it. Both are compiled strictly, with the types of all packages, and run.
//
//   node scripts/check-package/check.js
//
// Needs a registry, and Chromium (CHROMIUM_PATH).
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkFiles } from "./files.js";
import { checkPage } from "./page.js";
import { makeProject } from "./project.js";
import { projects } from "./versions.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const bin = (name) => join(root, "node_modules/.bin", name);
const folder = mkdtempSync(join(tmpdir(), "chatter-package-"));
try {
  execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const tarball = join(folder, readdirSync(folder)[0]);
  const show = { cwd: folder, stdio: "inherit" };
  execFileSync(bin("publint"), ["--strict", tarball], show);
  const entries = ["--profile", "esm-only", "--exclude-entrypoints", "./proto/chatter.proto"];
  execFileSync(bin("attw"), [tarball, ...entries], show);
  checkFiles(tarball);
  for (const { name, node, packages } of projects) {
    console.log(`\nA project with ${name}`);
    const project = makeProject(join(folder, node), tarball, node, packages);
    project.run("tsc", "-p", "node");
    project.run("node", "node/out/main.js");
    console.log("a Node program: compiled, run");
    await checkPage(project);
    console.log("a page: compiled, bundled, run");
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
