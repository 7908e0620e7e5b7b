#!/usr/bin/env node
// Starts the command line: from src/ in a checkout, so that a stale build is never run,
// else from the built files.
import { existsSync } from "node:fs";

const source = new URL("../src/program/main.ts", import.meta.url);
const built = new URL("../dist/command/main.js", import.meta.url);

/** Makes `import` understand TypeScript; false if tsx is not installed. */
async function registerTypeScript() {
  try {
    const tsx = await import("tsx/esm/api");
    tsx.register();
    return true;
  } catch (error) {
    if (error.code === "ERR_MODULE_NOT_FOUND") {
      return false;
    }
    throw error;
  }
}

/** Runs the existing files; resolves to the reason if none can be run, or to undefined. */
async function run() {
  if (existsSync(source) && (await registerTypeScript())) {
    await import(source.href);
  } else if (existsSync(built)) {
    await import(built.href);
  } else {
    return "neither tsx nor the built files are here: run `npm ci`, or `npm run build` where the development packages are installed";
  }
  return undefined;
}

/** The modules are files, too: with too few descriptors some of them cannot be opened. */
function describe(error) {
  if (error.code === "EMFILE" || error.code === "ENFILE") {
    return "too many files are open: raise the limit (ulimit -n)";
  }
  throw error;
}

const fault = await run().catch(describe);
if (fault !== undefined) {
  process.stderr.write(`chatter: ${fault}\n`);
  process.exitCode = 1;
}
