import { rename, writeFile } from "node:fs/promises";

/** Puts a new file in the place of an old one, so that no reader finds half of one. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.new`, content, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
