import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { longSecret, malformedSecret } from "./errors.js";
import { Interrupted } from "./exit.js";

/** More than any password or token has, to limit what is read. */
const maxBytes = 16_384;

/**
 * Asks on the terminal for several lines, each with a prompt, and shows nothing of what is typed.
 * Ctrl+C and Ctrl+D throw `Interrupted`.
 */
export async function askHidden(...prompts: readonly string[]): Promise<string[]> {
  const terminal = createInterface({
    input: process.stdin,
    output: new Writable({ write: (_chunk, _encoding, done) => done() }),
    terminal: true,
    historySize: 0,
  });
  // One reader for all lines: it has what was typed ahead.
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

/**
 * Asks on the terminal for a name, unless it is known, and a password. Ctrl+C and Ctrl+D throw
 * `Interrupted`.
 */
export async function askAccount(
  known: string | undefined,
): Promise<{ user: string; password: string }> {
  const user = known || (await askLine("User: "));
  const [password = ""] = await askHidden(`Password of ${user}: `);
  return { user, password };
}

async function askLine(prompt: string): Promise<string> {
  const terminal = createInterface({
    input: process.stdin,
    output: process.stderr,
    historySize: 0,
  });
  try {
    return await new Promise((resolve, reject) => {
      terminal.question(prompt, resolve);
      terminal.once("close", () => reject(new Interrupted()));
    });
  } finally {
    terminal.close();
  }
}

/**
 * A password or a token from standard input: all of it, except one final line break, and the byte
 * order mark that some editors put at the start of a file.
 */
export async function readSecret(): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw longSecret({ most: maxBytes });
    }
  }
  return decode(Buffer.concat(chunks)).replace(/\r?\n$/, "");
}

/**
 * Otherwise every invalid byte would become the same character, and different passwords would be
 * equal.
 */
function decode(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw malformedSecret();
  }
}
