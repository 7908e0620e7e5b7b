// Bundles the command line, with all that it needs of its dependencies, into dist/command: Node
// then opens some twenty files at a start in place of five hundred.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Bundles programs into a folder, one file an entry beside what they share, and the licenses of the
 * packages in it. `entryPoints`: paths below the root; `outdir`: the folder's path.
 */
export async function bundlePrograms(entryPoints, outdir) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints,
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    metafile: true,
    // Installed by those who want it; and what has code for one platform.
    external: ["@opentelemetry/sdk-node", "classic-level"],
    // Some dependencies are CommonJS, and ask for Node's modules by `require`.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
  });
  writeFileSync(join(outdir, "LICENSES.txt"), licensesOf(Object.keys(metafile.inputs)));
}

/** The licenses of the packages that these files are from. */
function licensesOf(files) {
  const folders = files.map((file) => /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  return [...new Set(folders)]
    .filter((folder) => folder !== undefined)
    .map((folder) => {
      const { name, version, license } = JSON.parse(
        readFileSync(join(root, folder, "package.json")),
      );
      const texts = readdirSync(join(root, folder)).filter((file) => /^licen[cs]e/i.test(file));
      const read = (file) => readFileSync(join(root, folder, file), "utf8").trimEnd();
      return [`${name} ${version}: ${license}`, ...texts.map(read)].join("\n\n");
    })
    .join(`\n\n${"-".repeat(80)}\n\n`)
    .concat("\n");
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  await bundlePrograms(["src/program/main.ts"], join(root, "dist/command"));
}
