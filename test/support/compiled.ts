import { join } from "node:path";
import { inject } from "vitest";

/**
 * The path of a program in `src` or `test/support` as plain JavaScript, for processes that tests
 * start: `compiled("src/program/main")`.
 */
export function compiled(path: string): string {
  return join(inject("compiled"), `${path}.js`);
}
