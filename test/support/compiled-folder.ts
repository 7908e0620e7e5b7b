import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * The folder of what is compiled for the tests of this run. It is inside node_modules, so that
 * imports are found from there and nothing is committed.
 */
export const compiledFolder = join(root, "node_modules/.cache", `chatter-test-${process.pid}`);
