import { readFileSync } from "node:fs";

const name = "chatter";

/**
 * The package's own folder, as a URL that ends with `/`: the same from src, from dist and from the
 * bundle of the command. Throws an Error if there is no such folder above this file, as in
 * somebody else's bundle.
 */
export function packageRoot(): URL {
  for (let folder = new URL("./", import.meta.url); ; folder = new URL("../", folder)) {
    if (readPackage(folder)?.name === name) {
      return folder;
    }
    if (folder.href === new URL("../", folder).href) {
      throw new Error(`${import.meta.url} is not in the folder of the package ${name}`);
    }
  }
}

/** Whether this is the source as it was written, and nothing that was built from it. */
export function runsFromSource(): boolean {
  return import.meta.url.startsWith(new URL("src/", packageRoot()).href);
}

/** The version in package.json. */
export function packageVersion(): string {
  return readPackage(packageRoot())!.version;
}

function readPackage(folder: URL): { name: string; version: string } | undefined {
  try {
    return JSON.parse(readFileSync(new URL("package.json", folder), "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return undefined;
    }
    throw error;
  }
}
