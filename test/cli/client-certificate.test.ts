import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { createAuthority } from "../support/certificates.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { parseLines, runCli } from "../support/cli.js";
import { tempDir } from "../support/temp-dir.js";

const authority = createAuthority("of servers");
const ofClients = createAuthority("of clients");
let server: TestServer;
let env: Record<string, string>;
let flags: string[];
let dir: string;

function file(name: string, text: string): string {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
}

beforeEach(async () => {
  dir = tempDir();
  const tls = { ...authority.issue(), clientCa: ofClients.cert, clientRequired: true };
  server = await startChatter({}, { tls });
  env = {
    NODE_EXTRA_CA_CERTS: file("ca.pem", authority.cert),
    CHATTER_URL: server.url.replace("127.0.0.1", "localhost"),
    CHATTER_TOKEN: server.token,
  };
  const { cert, key } = ofClients.issue({ commonName: "alice" });
  flags = ["--client-cert", file("own.pem", cert), "--client-key", file("own-key.pem", key)];
});

describe.each(["connect", "grpc", "grpc-web", "ws"])("over %s", (protocol) => {
  test("commands show the certificate that they are given", async () => {
    const args = ["echoer", "--protocol", protocol, ...flags];
    const { status, stdout, stderr } = await runCli(args, { input: "hello\n", env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(parseLines(stdout)).toMatchObject([{ message: "hello" }]);
  });

  test("without one, they say what the server asks for", async () => {
    const { status, stderr } = await runCli(["history", "--no-resume", "--protocol", protocol], {
      env,
    });
    expect(stderr).toBe(
      `chatter: unavailable: ${env.CHATTER_URL} requires a client certificate: give --client-cert and --client-key\n`,
    );
    expect(status).toBe(1);
  });
});

test("the variables do as well, and login needs the certificate, too", async () => {
  const variables = { CHATTER_CLIENT_CERT: flags[1]!, CHATTER_CLIENT_KEY: flags[3]! };
  const args = ["login", "--user", "goa", "--password", "rocks"];
  const { status, stdout } = await runCli(args, { env: { ...env, ...variables } });
  expect(stdout).toMatch(/^\S+\.\S+\.\S+\n$/);
  expect(status).toBe(0);
});

test.each<[string, () => readonly string[], RegExp, number]>([
  ["half a pair", () => flags.slice(0, 2), /--client-cert and --client-key belong together/, 2],
  [
    "a missing file",
    () => ["--client-cert", "none", ...flags.slice(2)],
    /cannot read none: no such/,
    1,
  ],
  ["no PEM", () => [...flags, "--client-key", file("none", "x")], /"tls" cannot be used: /, 1],
  ["no TLS", () => [...flags, "--url", "http://localhost:1"], /URL that begins with https:/, 1],
])("%s is refused in one line", async (_, args, reason, status) => {
  const ended = await runCli(["history", ...args()], { env });
  expect(ended.stderr.split("\n")[0]).toMatch(reason);
  expect(ended.status).toBe(status);
});
