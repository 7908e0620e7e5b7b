import { once } from "node:events";
import { connect } from "node:http2";
import { expect, test } from "vitest";
import { createLogger } from "../../src/server/program/logger.js";
import { describeOnTerminal, openTerminal } from "../support/cli-terminal.js";
import { startServe } from "../support/serve.js";
import { until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";

const login = "/chatter.v1.ChatterService/Login";

/** Clears the screen, forges a line, sets a title by C1, deletes, turns the text round. */
const evil = 'a\u001b[2Jb\r\n{"level":30} forged\u009b31m\u007f\u2028\u202ez\u200b\u061c\u{e0041}';

async function written(pretty: boolean): Promise<string> {
  let text = "";
  const logger = await createLogger({
    level: "info",
    pretty,
    destination: {
      write(line) {
        text += line;
      },
    },
  });
  logger.info({ user: evil, requestId: evil, error: evil }, "call");
  logger.error(
    { user: evil, err: Object.assign(new Error(evil), { detail: evil }) },
    "call failed",
  );
  return text;
}

test("JSON has one object a line, whatever is in its fields", async () => {
  const text = await written(false);
  expect(text).toMatch(/^[\n -~]+$/); // It is read on terminals, too.
  const lines = text.trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 30, msg: "call", user: evil, requestId: evil, error: evil },
    { level: 50, msg: "call failed", user: evil, err: { message: evil } },
  ]);
});

test("lines for people have no control character out of a field", async () => {
  const colours = /\u001b\[\d+m/g; // pino-pretty's own
  const text = (await written(true)).replace(colours, "");
  expect(text).not.toMatch(
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u202e\u200b\u061c\u{e0041}]/u,
  );
  for (const line of text.trimEnd().split("\n")) {
    expect(line).toMatch(/^(\[\d\d:\d\d:\d\d\.\d{3}\] (INFO|ERROR): call|\s)/);
  }
  expect(text).toContain("\\u009b31m");
  expect(text).toMatch(/^ +"at .*log-form\.test\.ts.*",?$/m); // The stack, line by line.
});

test("the server writes JSON where standard error is no terminal", async () => {
  const server = await startServe(["--demo", "--log", "memory", "--data-dir", tempDir()]);
  await fetch(`${server.url}/login`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa("goa:rocks")}` },
  });
  const deadline = { "content-type": "application/grpc", "grpc-timeout": "99999999H" };
  const session = connect(server.url);
  await once(session.request({ ":method": "POST", ":path": login, ...deadline }).end(), "close");
  session.close();
  await until(() => server.errors().split("\n").length > 2, "two lines");
  expect(() =>
    server
      .errors()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).not.toThrow();
  expect(JSON.parse(server.errors().split("\n")[0]!)).toMatchObject({
    level: 30,
    msg: "call",
    method: "chatter.v1.ChatterService/Login",
    code: "ok",
  });
});

describeOnTerminal("on a terminal", () => {
  test("the server writes lines for people", async () => {
    const folder = tempDir();
    const terminal = openTerminal([
      ...["serve", "--demo", "--log", "memory", "--port", "0", "--data-dir", folder],
    ]);
    await terminal.shows("chatter is listening on");
    terminal.type("\u0003");
    const { shown } = await terminal.ended();
    expect(shown).toMatch(/\[\d\d:\d\d:\d\d\.\d{3}\] .*INFO.*: .*the server has stopped/);
  });
});
