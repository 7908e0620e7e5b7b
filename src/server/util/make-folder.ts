import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Creates a folder, mode 0700, and its parents, if they do not exist. Resolves to the first one
 * that was created; undefined if all existed. Rejects as `mkdir`.
 *
 * Not with the `recursive` of `mkdir`: in a folder that accepts no others, such as /proc, that
 * never returns, and on a read-only file system it reports ENOENT.
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  try {
    return await makeOne(path);
  } catch (error) {
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || parent === path) {
      throw error;
    }
    const first = await makeFolder(parent);
    const last = await makeOne(path);
    return first ?? last;
  }
}

async function makeOne(path: string): Promise<string | undefined> {
  try {
    await mkdir(path, { mode: 0o700 });
    return path;
  } catch (error) {
    const isThere = await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (isThere) {
      return undefined;
    }
    throw error;
  }
}
