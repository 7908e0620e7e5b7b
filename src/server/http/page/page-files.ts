import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { packageRoot, runsFromSource } from "../../util/package-root.js";

/** One of the page's files. */
export interface PageFile {
  readonly contents: Uint8Array;
  /** Changes with the contents. */
  readonly version: string;
}

let loading: Promise<ReadonlyMap<string, PageFile>> | undefined;

/**
 * The page's files by their names, the compressed ones as `NAME.br` and `NAME.gz`. The built
 * package has them; in a checkout they are built when first used, so that no build step is needed.
 * Both happen once in a process. Rejects if it can do neither; the next call tries again.
 */
export function loadPageFiles(): Promise<ReadonlyMap<string, PageFile>> {
  loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(): Promise<ReadonlyMap<string, PageFile>> {
  const files = runsFromSource() ? await build() : await readBuilt();
  return new Map(
    files.map(({ name, contents }) => [name, { contents, version: versionOf(contents) }]),
  );
}

interface NamedFile {
  readonly name: string;
  readonly contents: Uint8Array;
}

async function readBuilt(): Promise<NamedFile[]> {
  const built = new URL("dist/page/", packageRoot());
  const names = await readdir(built);
  const read = async (name: string) => ({ name, contents: await readFile(new URL(name, built)) });
  return Promise.all(names.map(read));
}

async function build(): Promise<NamedFile[]> {
  const builder = new URL("scripts/build-page.js", packageRoot());
  const { buildPage } = await import(builder.href);
  return buildPage();
}

/** As scripts/build-page.js puts it into the page's HTML. */
function versionOf(contents: Uint8Array): string {
  return createHash("sha256").update(contents).digest("base64url").slice(0, 16);
}
