import { describe, expect, test } from "vitest";
import { runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";

const commands = [
  "serve",
  "config",
  "login",
  "chat",
  "post",
  "listener",
  "summary",
  "echoer",
  "subscribe",
  "history",
  "rooms",
  "user",
  "user add",
  "user list",
  "user remove",
  "user revoke",
  "key",
  "key new",
  "key list",
  "key rotate",
  "key remove",
  "token",
  "token issue",
  "token inspect",
  "token revoke",
  "completion",
];

/** Options that say what one call does: no setting, so no variable. */
const ofOneCall = [
  "--help",
  "--room",
  "--prefix",
  "--since",
  "--after",
  "--last",
  "--limit",
  "--follow",
  "--bookmark-seconds",
  "--password-stdin",
  "--save",
  "--scopes",
  "--replace",
  "--algorithm",
  "--signs-in",
  "--retired",
  "--reliable",
  "--no-resume",
];

describe.each(commands)("chatter %s --help", (command) => {
  const name = `chatter ${command}`;

  test("shows examples of the command itself", async () => {
    const { status, stdout, stderr } = await runHere([...command.split(" "), "--help"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`^Usage: ${name} `));
    const [, examples = ""] = stdout.split("\nExamples:\n");
    expect(examples).toContain(name);
  });

  test("is wrapped once: no line of a paragraph ends before it has to", async () => {
    const { stdout } = await runHere([...command.split(" "), "--help"]);
    const [prose = ""] = stdout.split("\nExamples:\n");
    const paragraphs = prose.split("\n\n").filter((text) => !/^(Usage|\w+:\n| )/.test(text));
    expect(paragraphs.length).toBeGreaterThan(0);
    for (const lines of paragraphs.map((text) => text.trim().split("\n"))) {
      for (const [i, next] of lines.slice(1).entries()) {
        const [word = ""] = next.split(" ");
        expect(`${lines[i]} ${word}`.length, next).toBeGreaterThan(80);
      }
    }
  });

  test("shows the variable of each setting", async () => {
    const { stdout } = await runHere([...command.split(" "), "--help"]);
    const [, options = ""] = stdout.split("\nOptions:\n");
    const entries = options
      .split(/\n\n/)[0]
      ?.split(/\n(?= {2}-)/)
      .map((entry) => entry.replace(/\s+/g, " "));
    expect(entries?.length).toBeGreaterThan(0);
    for (const entry of entries ?? []) {
      const option = /--[\w-]+/.exec(entry)?.[0] ?? "";
      const variable = `CHATTER_${option.slice(2).toUpperCase().replaceAll("-", "_")}`;
      expect(entry, entry).toContain(ofOneCall.includes(option) ? option : `env: ${variable}`);
    }
  });
});

test("chatter --help shows every command with what it does", async () => {
  const { status, stdout } = await runHere(["--help"]);
  expect(status).toBe(0);
  for (const command of commands.filter((name) => !name.includes(" "))) {
    expect(stdout).toMatch(new RegExp(`^ {2}${command} +\\w+`, "m"));
  }
});

test("help says the defaults, whatever the environment has", async () => {
  const { stdout } = await runHere(["history", "--help"], {
    env: { CHATTER_URL: "http://other:1" },
  });
  expect(stdout).toContain('default: "http://localhost:8080"');
  expect(stdout).toContain("default: pretty on a terminal");
});

test("chatter --version is the package's", async () => {
  const { version } = (await import("../../package.json", { with: { type: "json" } })).default;
  expect(await runCli(["--version"])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
});
