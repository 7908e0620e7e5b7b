import { spawn } from "node:child_process";
import { once } from "node:events";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { freePort } from "../client/support/free-port.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { chatterBin, cliEnv, startCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { post } from "../support/cli-server.js";
import { tempDir } from "../support/temp-dir.js";

let server: TestServer;
beforeEach(async () => {
  server = await startChatter();
  const texts = Array.from({ length: 20_000 }, (_, i) => `message ${i}`);
  await post(server.log, ...texts);
});

describe("a reader that has seen enough", () => {
  test.each([
    ["history", { lines: 1 }],
    ["--help", { lines: 1 }],
    ["login --user goa --password rocks", { lines: 0 }],
  ])("ends chatter %s quietly", async (args, { lines }) => {
    // `pipefail`: the status is that of chatter, since head's is 0.
    const command = `set -o pipefail; "${process.execPath}" "${chatterBin}" ${args} | head -${lines}`;
    const shell = spawn("bash", ["-c", command], {
      env: cliEnv({ CHATTER_URL: server.url, CHATTER_TOKEN: server.token }),
    });
    let [stdout, stderr] = ["", ""];
    shell.stdout.on("data", (text) => {
      stdout += text;
    });
    shell.stderr.on("data", (text) => {
      stderr += text;
    });
    const [status] = await once(shell, "close");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.split("\n")).toHaveLength(lines + 1);
    // The server is not left with a call that sends to nobody.
    await expect.poll(() => server.chatter.openCalls, { timeout: 5000 }).toBe(0);
  });
});

test("output that cannot be written is a failure in one line", async () => {
  const command = `"${process.execPath}" "${chatterBin}" history > /dev/full`;
  const shell = spawn("bash", ["-c", command], {
    env: cliEnv({ CHATTER_URL: server.url, CHATTER_TOKEN: server.token }),
  });
  let stderr = "";
  shell.stderr.on("data", (text) => {
    stderr += text;
  });
  const [status] = await once(shell, "close");
  expect(status).toBe(1);
  expect(stderr).toMatch(/^chatter: cannot write the output: ENOSPC[^\n]*\n$/);
});

test("a server continues when nobody reads what it says", async () => {
  const port = await freePort();
  const serve = ["serve", "--demo", "--log", "memory", "--data-dir", tempDir()];
  const { child, ended } = startCli([...serve, "--port", `${port}`]);
  onTestFinished(() => void child.kill("SIGKILL"));
  child.stdout.destroy();
  child.stderr.destroy();
  const isAlive = () =>
    fetch(`http://127.0.0.1:${port}/livez`).then(
      ({ status }) => status,
      () => undefined,
    );
  await expect.poll(isAlive, { timeout: 10_000 }).toBe(200);
  const refused = await runHere(["history", "--url", `http://127.0.0.1:${port}`, "--token", "no"]);
  expect(refused).toMatchObject({ status: 1 }); // which it logs
  expect(await isAlive()).toBe(200);
  child.kill("SIGTERM");
  expect(await ended).toMatchObject({ status: 0 });
});
