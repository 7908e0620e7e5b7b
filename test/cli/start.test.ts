import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { tempDir } from "../support/temp-dir.js";

const bin = fileURLToPath(new URL("../../bin/chatter.js", import.meta.url));
const modules = fileURLToPath(new URL("../../node_modules", import.meta.url));

describe("bin/chatter.js runs", () => {
  test("the source in a checkout, never a stale build", () => {
    const dir = layOut({ source: true, built: true, tsx: true });
    expect(start(dir)).toMatchObject({ status: 0, stdout: "source a b\n", stderr: "" });
  });

  test("the built files where there is no tsx", () => {
    const dir = layOut({ source: true, built: true, tsx: false });
    expect(start(dir)).toMatchObject({ status: 0, stdout: "built a b\n", stderr: "" });
  });

  test("the built files where there is no source", () => {
    const dir = layOut({ source: false, built: true, tsx: true });
    expect(start(dir)).toMatchObject({ status: 0, stdout: "built a b\n", stderr: "" });
  });

  test("nothing where neither is there, and says what to do", () => {
    const dir = layOut({ source: true, built: false, tsx: false });
    const { status, stdout, stderr } = start(dir);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^chatter: [^\n]*npm ci[^\n]*\n$/);
  });
});

interface Layout {
  readonly source: boolean;
  readonly built: boolean;
  readonly tsx: boolean;
}

/** A folder like the package's, whose program says where it was started from. */
function layOut({ source, built, tsx }: Layout): string {
  const dir = tempDir();
  mkdirSync(join(dir, "bin"));
  copyFileSync(bin, join(dir, "bin", "chatter.js"));
  writeFileSync(join(dir, "package.json"), '{ "type": "module" }');
  const program = (name: string) => `console.log("${name}", ...process.argv.slice(2));`;
  if (source) {
    mkdirSync(join(dir, "src", "program"), { recursive: true });
    writeFileSync(
      join(dir, "src", "program", "main.ts"),
      `const name: string = "source";${program("source")}`,
    );
  }
  if (built) {
    mkdirSync(join(dir, "dist", "command"), { recursive: true });
    writeFileSync(join(dir, "dist", "command", "main.js"), program("built"));
  }
  if (tsx) {
    symlinkSync(modules, join(dir, "node_modules"));
  }
  return dir;
}

function start(dir: string) {
  return spawnSync(process.execPath, [join(dir, "bin", "chatter.js"), "a", "b"], {
    encoding: "utf8",
  });
}
