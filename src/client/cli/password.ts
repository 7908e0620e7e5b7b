import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { Interrupted } from "./exit.js";

/** More than any password or token has, to bound what is read. */
const maxCharacters = 16_384;

/**
 * Asks on the terminal for one line after the other, with a prompt for each, and shows
 * nothing of what is typed. Ctrl+C and Ctrl+D are `Interrupted`.
 */
export async function askHidden(...prompts: readonly string[]): Promise<string[]> {
  const terminal = createInterface({
    input: process.stdin,
    output: new Writable({ write: (_chunk, _encoding, done) => done() }),
    terminal: true,
    historySize: 0,
  });
  // One reader for all: what was typed ahead is in it.
  const lines = terminal[Symbol.asyncIterator]();
  const answers: string[] = [];
  try {
    for (const prompt of prompts) {
      process.stderr.write(prompt);
      const { value, done } = await lines.next();
      process.stderr.write("\n");
      if (done) {
        throw new Interrupted();
      }
      answers.push(value);
    }
  } finally {
    terminal.close();
  }
  return answers;
}

/** A password or a token from standard input: the whole of it, less one line end. */
export async function readSecret(): Promise<string> {
  let secret = "";
  process.stdin.setEncoding("utf8");
  for await (const chunk of process.stdin as AsyncIterable<string>) {
    secret += chunk;
    if (secret.length > maxCharacters) {
      throw new Error(`standard input has over ${maxCharacters} characters: it is no secret`);
    }
  }
  return secret.replace(/\r?\n$/, "");
}
