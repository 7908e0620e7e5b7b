// Bundles the page that Chatter serves at "/": for the built package into dist/page, and in
// a checkout, where src/server/http/page/page-files.ts imports it, in memory.
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build, stop } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const source = here("../src/client/page");

/**
 * Resolves to the page's files, each a `name` and its `contents`: as they are, and compressed as
 * `NAME.br` and `NAME.gz`.
 */
export async function buildPage() {
  const bundled = await bundle();
  const index = bundled.find(({ name }) => name === "index.html");
  const others = bundled.filter((file) => file !== index);
  const html = withVersions(Buffer.from(index.contents).toString(), others);
  return [{ name: index.name, contents: Buffer.from(html) }, ...others].flatMap((file) => [
    file,
    { name: `${file.name}.br`, contents: brotliCompressSync(file.contents) },
    { name: `${file.name}.gz`, contents: gzipSync(file.contents, { level: 9 }) },
  ]);
}

async function bundle() {
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
      write: false,
    });
    return outputFiles.map(({ path, contents }) => ({ name: basename(path), contents }));
  } finally {
    await stop(); // Ends esbuild's process.
  }
}

/** The HTML with the version of each file in its address, so that browsers can keep it for ever. */
function withVersions(html, files) {
  return files.reduce(
    (text, { name, contents }) => text.replaceAll(`"${name}"`, `"${name}?${versionOf(contents)}"`),
    html,
  );
}

/** As src/server/http/page/page-files.ts has it. */
function versionOf(contents) {
  return createHash("sha256").update(contents).digest("base64url").slice(0, 16);
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const folder = here("../dist/page");
  await mkdir(folder, { recursive: true });
  for (const { name, contents } of await buildPage()) {
    await writeFile(join(folder, name), contents);
  }
}
