#!/usr/bin/env node
// Starts the command line: from src/ in a checkout, so that a stale build is never run,
// else from the built files.
import { existsSync } from "node:fs";

const source = new URL("../src/client/cli/main.ts", import.meta.url);
const built = new URL("../dist/client/cli/main.js", import.meta.url);

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

if (existsSync(source) && (await registerTypeScript())) {
  await import(source.href);
} else if (existsSync(built)) {
  await import(built.href);
} else {
  process.stderr.write(
    "chatter: neither tsx nor the built files are here: run `npm ci`, or `npm run build` where the development packages are installed\n",
  );
  process.exitCode = 1;
}
