import { beforeEach, describe, expect, test } from "vitest";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { type CliOptions, parseLines } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { post } from "../support/cli-server.js";

let server: TestServer;
beforeEach(async () => {
  server = await startChatter();
});

describe("results", () => {
  test("are one object a line in a pipe, with the schema's names", async () => {
    await post(server.log, "one", "stored é");
    const { stdout } = await run(["history"]);
    const lines = stdout.split("\n");
    expect(lines).toHaveLength(3);
    expect(JSON.parse(lines[1] ?? "")).toEqual({
      message: "stored é",
      length: 9,
      sent_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      sequence: "2",
      sender: "goa",
      cursor: expect.stringMatching(/^[\w-]{16}$/),
    });
  });

  test("are indented by four spaces with --output pretty", async () => {
    const { stdout } = await run(["listener", "--output", "pretty"], "one\ntwo\n");
    expect(stdout).toBe(`{\n    "stored": "2",\n    "last_sequence": "${server.log.head}"\n}\n`);
  });

  test("take their form from CHATTER_OUTPUT too, and say also what is nothing", async () => {
    const { stdout } = await run(["listener"], "", { CHATTER_OUTPUT: "pretty" });
    expect(stdout).toBe('{\n    "stored": "0",\n    "last_sequence": "0"\n}\n');
  });

  test("of echoer are one for each line, in order", async () => {
    const { stdout } = await run(["echoer"], "one\ntwo\n");
    const head = server.log.head;
    expect(parseLines(stdout)).toMatchObject([
      { message: "one", sequence: String(head - 1) },
      { message: "two", sequence: String(head) },
    ]);
  });

  test("of summary have each message's length in bytes", async () => {
    const { stdout } = await run(["summary"], "é\n");
    expect(JSON.parse(stdout)).toMatchObject({ summaries: [{ message: "é", length: 2 }] });
  });

  test("of the tiny view are the text alone, its controls escaped for the terminal", async () => {
    const text =
      "\u001b[2J \u009b2J \u007f \u202egnp \u2066x\u2069 \u2028\u2029 \u200b\ufeff \u{e0041}";
    await post(server.log, text);
    const { stdout } = await run(["history", "--view", "tiny", "--last", "1"]);
    expect(stdout).toMatch(/^[\x20-\x7e]+\n$/);
    expect(JSON.parse(stdout)).toEqual({ message: text });
  });
});

function run(args: string[], input: CliOptions["input"] = "", env: Record<string, string> = {}) {
  return runHere(args, {
    input,
    env: { CHATTER_URL: server.url, CHATTER_TOKEN: server.token, ...env },
  });
}
