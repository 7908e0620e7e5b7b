import { describe, expect, test } from "vitest";
import { runHere } from "../support/cli-here.js";

const url = "--url <url>";

describe("wrong usage is reported in one line with a hint, exit status 2:", () => {
  test.each<[string[], string, string]>([
    [["hitsory"], "unknown command 'hitsory'", "chatter"],
    [["history", "--folow"], "unknown option '--folow'", "chatter history"],
    [["history", "more"], "too many arguments", "chatter history"],
    [["listener", "--room", "a b"], "It is not the name of a room: a room has", "chatter listener"],
    [["history", "--after", "x", "--last", "3"], "cannot be used with", "chatter history"],
    [["history", "--last", "0"], "whole number of 1 or more", "chatter history"],
    [["history", "--limit", "1.5"], "whole number of 0 or more", "chatter history"],
    [["history", "--view", "huge"], "Allowed choices are default, tiny", "chatter history"],
    [
      ["listener", "--output", "xml"],
      "Allowed choices are pretty, jsonl, text",
      "chatter listener",
    ],
    [["listener", "--protocol", "soap"], "connect, grpc, grpc-web, ws", "chatter listener"],
    [["subscribe", "--bookmark-seconds", "3601"], "from 0 to 3600", "chatter subscribe"],
    [["listener", "--url", "localhost:8080"], url, "chatter listener"],
    [["listener", "--url", "ftp://localhost"], url, "chatter listener"],
    [["listener", "--url", "http://goa:rocks@localhost"], "chatter login takes", "chatter"],
    [["listener", "--token", "two words"], "visible ASCII", "chatter"],
    [["login", "--password", "rocks"], "'--user <name>' not specified", "chatter login"],
    [["user", "list"], "'--users-file <file>' not specified", "chatter user list"],
    [["user", "add", "a:b", "--users-file", "u"], "colon", "chatter user add"],
    [
      ["user", "add", "a", "--users-file", "u", "--scopes", "all"],
      "stream:read and stream:write",
      "chatter user add",
    ],
    [["token", "inspect", "no-token"], "this is not a token", "chatter token inspect"],
    [["token", "issue"], "missing required argument 'name'", "chatter token issue"],
    [["post", "x", "--room", "a b"], "a room has 1 to 128 characters", "chatter post"],
    [["chat", "--room", "team/*"], "a room has 1 to 128 characters", "chatter chat"],
    [["listener", "--room", "/a"], "a room has 1 to 128 characters", "chatter listener"],
    [["subscribe", "--room", "a//b"], "a room has 1 to 128 characters", "chatter subscribe"],
    [["history", "--room", "ok", "--room", "te*"], 'a pattern is "*"', "chatter history"],
    [["rooms", "--prefix", "a b"], "at most 128 characters", "chatter rooms"],
    [
      ["token", "issue", "a", "--scopes", "stream:read:a b"],
      "a room has 1 to 128 characters",
      "chatter token issue",
    ],
    [["serve", "--demo", "--port", "http"], "--port", "chatter serve"],
    [["serve"], "--demo", "chatter serve"],
  ])("%j", async (args, fault, command) => {
    const { status, stdout, stderr } = await runHere(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    const lines = stderr.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^chatter: /);
    expect(lines[0]).toContain(fault);
    expect(lines.at(-1)).toBe(`Try: ${command} --help`);
  });

  test.each([
    [["chat", "lunch"], true],
    [["subscribe", "lunch"], true],
    [["login", "--user", "goa", "goa"], false],
  ])("a word too many in %j may be a room, if the command takes one", async (args, isRoom) => {
    const { status, stderr } = await runHere(args);
    expect(status).toBe(2);
    expect(stderr).toContain("too many arguments");
    expect(stderr.includes("\n(Did you mean --room?)\n")).toBe(isRoom);
  });

  test("also if it stands in the environment, whose variable is named", async () => {
    const { status, stderr } = await runHere(["history"], { env: { CHATTER_URL: "here" } });
    expect(status).toBe(2);
    expect(stderr).toContain("'here' from env 'CHATTER_URL' is invalid");
  });

  test.each([
    ["--url", "http://goa:secret@localhost"],
    ["--token", "a secret"],
  ])("nothing is shown of a secret in %s", async (option, value) => {
    const { status, stderr } = await runHere(["listener", option, value]);
    expect(status).toBe(2);
    expect(stderr).not.toContain("secret");
  });

  test("no command at all shows the help, on standard error", async () => {
    const { status, stdout, stderr } = await runHere([]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("Usage: chatter");
  });

  test("no password, and nobody who can be asked", async () => {
    const result = await runHere(["login", "--user", "goa"]);
    expect(result).toMatchObject({ status: 2, stdout: "" });
    expect(result.stderr).toMatch(/^chatter: no password: give --password-stdin.*\nTry: /);
  });
});
