import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inject } from "vitest";

/**
 * The path of a program in `src`, `bench` or `test/support` as plain JavaScript, for processes that tests
 * start: `compiled("src/program/main")`.
 */
export function compiled(path: string): string {
  return join(inject("compiled"), "programs", `${path}.js`);
}

/** The URL of a module of `src` as plain JavaScript, for programs that tests write. */
export function compiledModule(path: string): string {
  return pathToFileURL(join(inject("compiled"), "modules", `${path}.js`)).href;
}
