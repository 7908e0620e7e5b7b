import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { hasNats, isOpen, natsPrograms } from "../support/nats-server.js";
import { cleanEnvironment } from "../support/serve.js";
import { tempDir } from "../support/temp-dir.js";

/** Where a program finds the nats-server of the tests first. */
function pathWithNats(): string {
  const [program] = natsPrograms;
  return `${dirname(program!.path)}:${process.env.PATH}`;
}

test.skipIf(!hasNats)(
  "the example of a cluster outlives its leader, and Ctrl+C leaves nothing behind",
  { timeout: 120_000 },
  async () => {
    const folder = tempDir();
    const child = spawn(process.execPath, ["--import", "tsx", "examples/cluster/main.ts"], {
      env: cleanEnvironment({ TMPDIR: folder, PATH: pathWithNats() }),
      stdio: ["ignore", "pipe", "inherit"],
      detached: true, // A group of its own, as a terminal has it.
    });
    onTestFinished(() => {
      if (child.exitCode === null) {
        process.kill(-child.pid!, "SIGKILL");
      }
    });
    let said = "";
    child.stdout.on("data", (chunk) => {
      said += chunk;
    });
    const isDone = () => said.includes("until Ctrl+C") || child.exitCode !== null;
    await expect.poll(isDone, { timeout: 100_000 }).toBe(true);
    expect(said).toMatch(/n[123] led the log: killed\n/);
    expect(said).toMatch(/posts are answered again, \d+ ms after that\n/);
    expect(said).toContain("nothing was lost, nothing came twice, the order was kept");
    const ports = [...said.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port));
    expect(ports).toHaveLength(5);

    const ended = once(child, "exit");
    process.kill(-child.pid!, "SIGINT");
    await ended;
    for (const port of ports) {
      await expect.poll(() => isOpen(port)).toBe(false);
    }
    // What tsx keeps is not the example's.
    expect(readdirSync(folder).filter((name) => name.startsWith("chatter"))).toEqual([]);
  },
);
