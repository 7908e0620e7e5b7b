// Bundles the page that Chatter serves at "/": for the built package into dist/page, and in
// a checkout, where src/server/http/page-files.ts imports it, in memory.
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { build, stop } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const source = here("../src/client/page");

/** Resolves to the page's files, each a `path` and its `contents`. */
export async function buildPage({ write }) {
  try {
    const { outputFiles } = await build({
      entryPoints: ["index.html", "page.css", "page.ts", "icon.svg"].map((f) => `${source}/${f}`),
      outdir: here("../dist/page"),
      loader: { ".html": "copy", ".svg": "copy" },
      bundle: true,
      minify: true,
      charset: "utf8",
      format: "esm",
      platform: "browser",
      target: ["es2022", "safari16"],
      write,
    });
    return outputFiles;
  } finally {
    await stop(); // Ends esbuild's process.
  }
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  await buildPage({ write: true });
}
