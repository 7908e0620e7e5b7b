import { join } from "node:path";
import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { parseLines } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { tempDir } from "../support/temp-dir.js";

const account = ["--user", "goa", "--password", "rocks"];

test.each(["connect", "grpc", "grpc-web", "ws"])("commands reach it over %s", async (protocol) => {
  const { url, token } = await startChatter({}, { path: join(tempDir(), "chatter.sock") });
  const args = ["echoer", "--url", url, "--protocol", protocol, "--token", token];
  const { status, stdout, stderr } = await runHere(args, { input: "hello\n" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(parseLines(stdout)).toMatchObject([{ message: "hello" }]);
});

test("a saved token is for one socket and no other", async () => {
  const env = { XDG_CONFIG_HOME: tempDir() };
  const [one, other] = await Promise.all([
    startChatter({}, { path: join(tempDir(), "one.sock") }),
    startChatter({}, { path: join(tempDir(), "other.sock") }),
  ]);
  const login = await runHere(["login", ...account, "--save", "--url", one.url], { env });
  expect(login.status).toBe(0);
  expect((await runHere(["history", "--url", one.url], { env })).status).toBe(0);
  const refused = await runHere(["history", "--url", other.url], { env });
  expect(refused.stderr).toContain("no token");
  expect(refused.status).not.toBe(0);
});

test("where no server listens, it says so in one line", async () => {
  const url = `unix:${join(tempDir(), "chatter.sock")}`;
  const { status, stderr } = await runHere([
    "history",
    "--url",
    url,
    "--token",
    "x",
    "--no-resume",
  ]);
  expect(stderr).toBe(`chatter: unavailable: cannot connect to ${url} (ENOENT)\n`);
  expect(status).toBe(1);
});

test("a URL that names no socket is wrong usage", async () => {
  const { status, stderr } = await runHere(["history", "--url", "unix:chatter.sock"]);
  expect(stderr).toContain("unix:/run/chatter.sock");
  expect(status).toBe(2);
});
