import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes a folder, mode 0700, and those that lead to it, if they are not there. Resolves to
 * the first one that was made; undefined if there was none to make. Rejects as `mkdir`.
 *
 * Not by the `recursive` of `mkdir`: where a folder is there that takes no other one, such
 * as /proc, that never comes back, and of a file system that is read-only it says ENOENT.
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
