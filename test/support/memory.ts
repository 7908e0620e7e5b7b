import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

/** Collects garbage, all of it, before it returns. */
export const collectGarbage: () => void = runInNewContext("gc");

/** What this process holds. How much garbage there is beside it differs between versions of Node. */
export function memoryHeld(): NodeJS.MemoryUsage {
  collectGarbage();
  return process.memoryUsage();
}
