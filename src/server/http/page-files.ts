import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";

/** In the built package: dist/page. In a checkout there is no such folder. */
const built = new URL("../../page/", import.meta.url);
const builder = new URL("../../../scripts/build-page.js", import.meta.url);

let loading: Promise<ReadonlyMap<string, Uint8Array>> | undefined;

/**
 * The page's files by their names. The built package has them; in a checkout they are
 * bundled when they are first asked for, so that there is no build step. Both happen once a
 * process. Rejects if it can do neither; the next call tries again.
 */
export function loadPageFiles(): Promise<ReadonlyMap<string, Uint8Array>> {
  loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(): Promise<ReadonlyMap<string, Uint8Array>> {
  if (existsSync(built)) {
    const names = await readdir(built);
    const read = async (name: string) => [name, await readFile(new URL(name, built))] as const;
    return new Map(await Promise.all(names.map(read)));
  }
  const { buildPage } = await import(builder.href);
  const files: { path: string; contents: Uint8Array }[] = await buildPage({ write: false });
  return new Map(files.map(({ path, contents }) => [basename(path), contents]));
}
