import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createAuthority } from "../support/certificates.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { parseLines, runCli } from "../support/cli.js";
import { tempDir } from "../support/temp-dir.js";

const authority = createAuthority();
const library = new URL("../../src/client/node.ts", import.meta.url).href;
let trusted: Record<string, string>;
let server: TestServer;
let url: string;

beforeEach(async () => {
  const file = join(tempDir(), "ca.pem");
  writeFileSync(file, authority.cert);
  trusted = { NODE_EXTRA_CA_CERTS: file };
  server = await startChatter({}, { tls: authority.issue() });
  url = server.url.replace("127.0.0.1", "localhost");
});

describe("commands over TLS, with an authority of one's own in NODE_EXTRA_CA_CERTS", () => {
  test.each(["connect", "grpc", "grpc-web", "ws"])("%s", async (protocol) => {
    const env = { ...trusted, CHATTER_URL: url, CHATTER_TOKEN: server.token };
    const args = ["--protocol", protocol];
    const { status, stdout, stderr } = await runCli(["echoer", ...args], { input: "hello\n", env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(parseLines(stdout)).toMatchObject([{ message: "hello" }]);
  });

  test.each(["connect", "ws"])("%s: without it the server is not trusted", async (protocol) => {
    const env = { CHATTER_URL: url, CHATTER_TOKEN: server.token };
    const result = await runCli(["history", "--protocol", protocol], { env });
    expect(result).toMatchObject({ stdout: "", stderr: expect.stringContaining("certificate") });
    expect(result.status).not.toBe(0);
  });

  test("a server by another name is not trusted", async () => {
    const other = await startChatter({}, { tls: authority.issue({ names: ["other.example"] }) });
    const env = { ...trusted, CHATTER_URL: other.url, CHATTER_TOKEN: other.token };
    const result = await runCli(["history"], { env });
    expect(result.stderr).toMatch(/certificate/);
    expect(result.status).not.toBe(0);
  });
});

test("the library, on every wire", async () => {
  const file = join(tempDir(), "process.mts");
  writeFileSync(
    file,
    `import { createChatterClient } from "${library}";
    for (const transport of ["connect", "grpc", "grpc-web", "ws"]) {
      const auth = { user: "goa", password: "rocks" };
      const chatter = createChatterClient({ url: "${url}", auth, transport });
      const publisher = chatter.publisher();
      await publisher.post(transport);
      await publisher.close();
      for await (const { message } of chatter.history({ last: 1 })) console.log(message);
      chatter.close();
    }`,
  );
  const args = ["--import", import.meta.resolve("tsx"), file];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...trusted },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  expect(await once(child, "close")).toEqual([0, null]);
  expect(output).toBe("connect\ngrpc\ngrpc-web\nws\n");
});
