import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { Interrupted } from "./exit.js";

/** Asks for a password on the terminal and shows nothing of it. Ctrl+C is `Interrupted`. */
export async function askPassword(prompt: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({
    input: process.stdin,
    output: silent,
    terminal: true,
    historySize: 0,
  });
  const closed = new AbortController();
  // Ctrl+C closes it, and so does Ctrl+D.
  terminal.once("close", () => closed.abort());
  process.stderr.write(prompt);
  try {
    return await terminal.question("", { signal: closed.signal });
  } catch (error) {
    throw closed.signal.aborted ? new Interrupted() : error;
  } finally {
    process.stderr.write("\n");
    terminal.close();
  }
}

/** The whole of standard input, less one line end: how `--password-stdin` takes a password. */
export async function readPassword(): Promise<string> {
  return (await text(process.stdin)).replace(/\r?\n$/, "");
}
