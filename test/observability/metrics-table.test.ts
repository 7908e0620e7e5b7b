import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { startServe } from "../support/serve.js";
import { tempDir } from "../support/temp-dir.js";

/** The names in the first column of the tables of "## Metrics". */
function documented(): string[] {
  const docs = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
  const [, section = ""] = /\n## Metrics\n(.*?)\n## /s.exec(docs) ?? [];
  return section
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((line) => [...line.split(" | ")[0]!.matchAll(/`(\w+)`/g)].map(([, name]) => name!));
}

test("docs/operations.md has a row for each metric, and the server has each metric of a row", async () => {
  const server = await startServe(["--demo", "--data-dir", tempDir()]);
  const response = await fetch(`${server.url}/metrics`);
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  const served = [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name!);
  const names = documented();
  expect(new Set(names).size).toBe(names.length);
  // Only Linux has them all.
  const here = process.platform === "linux" ? names : names.filter((name) => served.includes(name));
  expect(served.sort()).toEqual(here.sort());
});
