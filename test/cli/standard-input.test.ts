import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { Readable } from "node:stream";
import fc from "fast-check";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { InputLines } from "../../src/cli/input-lines.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { chatterBin, cliEnv, parseLines } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { tempDir } from "../support/temp-dir.js";

let server: TestServer;
beforeEach(async () => {
  server = await startChatter();
});

describe("each line of standard input", () => {
  test("is one message, without its end; empty lines are left out", async () => {
    const input = "one\r\n\n\r\n two \ntwo\u2028lines\tand é\nlast";
    const { stdout } = await post(input);
    expect(parseLines(stdout).map(({ message }) => message)).toEqual([
      "one",
      " two ",
      "two\u2028lines\tand é",
      "last",
    ]);
  });

  test.each([
    { bytes: 65_536, end: "\r\n", fits: true },
    { bytes: 65_536, end: "", fits: true },
    { bytes: 65_538, end: "\n", fits: false },
    { bytes: 65_538, end: "", fits: false },
  ])("of $bytes bytes and $end fits: $fits", async ({ bytes, end, fits }) => {
    const line = "é".repeat(bytes / 2);
    const lines = new InputLines(Readable.from([Buffer.from(line + end)]));
    const read: string[] = [];
    for await (const text of lines) {
      read.push(text);
    }
    expect(read).toEqual(fits ? [line] : []);
    expect(lines.fault === undefined).toBe(fits);
  });

  test.each([
    { chunks: ["\ufeffhello\r\n", "\ufeffkept\n"], texts: ["hello", "\ufeffkept"] },
    { chunks: ["\ufeff\nhello\n"], texts: ["hello"] },
    { chunks: ["\ufeff"], texts: [] },
    { chunks: ["\n\ufeffhello"], texts: ["\ufeffhello"] },
    { chunks: ["\ufeff\ufeffhello"], texts: ["\ufeffhello"] },
    { chunks: [`\ufeff${"a".repeat(65_536)}\r\n`], texts: ["a".repeat(65_536)] },
  ])("is without a byte order mark only at the very start of the input ($#)", async (each) => {
    const bytes = Buffer.from(each.chunks.join(""));
    // Whole, and cut in the middle of the mark.
    for (const input of [[bytes], [bytes.subarray(0, 1), bytes.subarray(1)]]) {
      const read: string[] = [];
      for await (const text of new InputLines(Readable.from(input))) {
        read.push(text);
      }
      expect(read).toEqual(each.texts);
    }
  });

  test.each([
    // Far more than is held: the rest is not read.
    { fault: "is over 65,536 bytes, the most that a message has", line: "a".repeat(2_000_000) },
    { fault: "is not UTF-8", line: Buffer.from([0x61, 0xff]) },
  ])("that $fault ends the input: what came before is posted, exit status 1", async (bad) => {
    const input = Buffer.concat([
      Buffer.from("good\n\n"),
      Buffer.from(bad.line),
      Buffer.from("\nnot posted\n"),
    ]);
    const { stdout, stderr, status } = await post([input]);
    expect(parseLines(stdout)).toMatchObject([{ message: "good" }]);
    expect(stderr).toBe(
      `chatter: invalid_argument: line 3 of standard input ${bad.fault}; ` +
        "the lines before it were posted\n",
    );
    expect(status).toBe(1);
  });

  test("is the same however the input is cut into chunks", async () => {
    const text = fc
      .array(fc.constantFrom("a", "é", "😀", "\r", "\n"), { maxLength: 40 })
      .map((characters) => characters.join(""));
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(60)), async (input, cuts) => {
        const expected = input
          .split("\n")
          .map((line) => line.replace(/\r$/, ""))
          .filter((line) => line !== "");
        const lines = new InputLines(Readable.from(cut(Buffer.from(input), cuts)));
        const read: string[] = [];
        for await (const line of lines) {
          read.push(line);
        }
        expect(read).toEqual(expected);
        expect(lines.fault).toBeUndefined();
      }),
    );
  });
});

test("a folder as standard input is an error, and nothing is called", async () => {
  const folder = openSync(tempDir(), "r");
  onTestFinished(() => closeSync(folder));
  const args = [chatterBin, "listener", "--url", "http://127.0.0.1:1", "--token", "t"];
  const child = spawn(process.execPath, args, { stdio: [folder, "pipe", "pipe"], env: cliEnv() });
  let [stdout, stderr] = ["", ""];
  child.stdout?.on("data", (text) => {
    stdout += text;
  });
  child.stderr?.on("data", (text) => {
    stderr += text;
  });
  const [status] = await once(child, "close");
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: "",
    stderr: "chatter: cannot read standard input: it is a folder\n",
  });
});

function* cut(bytes: Buffer, cuts: number[]): Generator<Buffer> {
  let start = 0;
  for (const length of cuts) {
    yield bytes.subarray(start, start + length);
    start += length;
  }
  yield bytes.subarray(start);
}

function post(input: string | Iterable<Uint8Array>) {
  return runHere(["echoer"], {
    input,
    env: { CHATTER_URL: server.url, CHATTER_TOKEN: server.token },
  });
}
