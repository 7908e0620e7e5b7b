import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { tempDir } from "../support/temp-dir.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A registry that answers questions about vulnerabilities; it knows no packages. */
async function startRegistry(status: number, holes: unknown): Promise<string> {
  const server = createServer((request, response) => {
    const isAudit = request.url === "/-/npm/v1/security/advisories/bulk";
    request.resume().on("end", () => {
      response.writeHead(isAudit ? status : 404, { "content-type": "application/json" });
      response.end(isAudit ? JSON.stringify(holes) : "{}");
    });
  }).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Runs the check of CI against a registry, for the lockfile of this repository. */
async function check(registry: string): Promise<{ status: number; said: string }> {
  const dir = tempDir();
  for (const name of ["package.json", "package-lock.json"]) {
    cpSync(join(root, name), join(dir, name));
  }
  const child = spawn(process.execPath, [join(root, "scripts", "check-audit.js")], {
    cwd: dir,
    env: {
      PATH: process.env.PATH,
      HOME: dir,
      npm_config_registry: registry,
      npm_config_fetch_retries: "0",
    },
  });
  let said = "";
  child.stdout.on("data", (text) => {
    said += text;
  });
  const [status] = await once(child, "close");
  return { status, said };
}

const hole = (severity: string) => ({
  ws: [
    {
      id: 1,
      url: "https://github.com/advisories/GHSA-0000-0000-0000",
      title: "a hole",
      severity,
      vulnerable_versions: "<1000.0.0",
      cwe: [],
      cvss: { score: 0, vectorString: null },
    },
  ],
});

test.each(["high", "critical"])("a hole that is %s fails CI", async (severity) => {
  const { status, said } = await check(await startRegistry(200, hole(severity)));
  expect(said).toContain(`${severity}: ws`);
  expect(status).toBe(1);
});

test("no hole, and one that is less, pass", async () => {
  expect(await check(await startRegistry(200, {}))).toEqual({
    status: 0,
    said: "npm audit: 0 known vulnerabilities, 0 of them high or critical\n",
  });
  const { status, said } = await check(await startRegistry(200, hole("moderate")));
  expect(said).toContain("moderate: ws");
  expect(status).toBe(0);
});

test("a registry that does not answer this question is skipped", async () => {
  for (const registry of [await startRegistry(405, {}), "http://127.0.0.1:9/"]) {
    const { status, said } = await check(registry);
    expect(said).toContain("npm audit has no answer here: ");
    expect(status).toBe(0);
  }
});

test("an answer that cannot be understood fails CI", async () => {
  expect((await check(await startRegistry(401, {}))).status).toBe(1);
  expect((await check(await startRegistry(200, "?"))).status).toBe(1);
});
