import { spawnSync } from "node:child_process";
import { expect, type TestContext } from "vitest";
import { requireAll } from "./log-messages.js";

/** Skips a test on a machine without a program; where every test must run, it fails. */
export function needProgram(program: string, { skip }: TestContext): void {
  if (spawnSync(program, ["--version"]).error !== undefined) {
    expect(requireAll, `this machine has no ${program}`).toBe(false);
    skip(`no ${program} here`);
  }
}
