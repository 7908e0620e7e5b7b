import { expect, onTestFinished } from "vitest";
import { type FileLogOptions, openFileLog } from "../../src/server/log/file/file-log.js";
import { type CliOptions, type CliResult, parseLines } from "./cli.js";
import { runHere } from "./cli-here.js";
import { post, readAll } from "./log-messages.js";
import { tempDir } from "./temp-dir.js";

/** Opens a log, closed after the test. */
export async function openLog(dir: string, options: Partial<FileLogOptions> = {}) {
  const log = await openFileLog({ dir, ...options });
  onTestFinished(() => log.close());
  return log;
}

/** Texts that a text format might not preserve. */
export const oddTexts = [
  "\u{feff}with a mark",
  'quotes " and \\ and {"through":1',
  "two\nlines\r\n\u0000\u0085\u2028",
  "wörld 😀",
  "x".repeat(65_536),
  "",
];

/** Makes a log in a new folder, of several commits, senders and ids, and closes it. */
export async function makeLog(count = 1000): Promise<string> {
  const dir = tempDir();
  const log = await openFileLog({ dir });
  await log.append(oddTexts.map((text, i) => post(text, `id ${i}`, "gö")));
  for (let i = 0; i < count; i += 250) {
    const part = Array.from({ length: 250 }, (_, k) =>
      post(`message ${i + k}`, k % 2 === 0 ? `${i + k}` : "", k % 3 === 0 ? "goa" : "alice"),
    );
    await log.append(part);
    await new Promise((resolve) => setTimeout(resolve, 2)); // The next ones have another time.
  }
  await log.close();
  return dir;
}

/** Everything that is kept of a log, to be compared; the folder is closed again. */
export async function contentOf(dir: string) {
  const log = await openFileLog({ dir, dedupe: { windowMs: 1e9 } });
  try {
    const { identity, first, head } = log;
    const ids = await log.idsBetween!(0, head);
    return { identity, first, head, messages: await readAll(log), ids };
  } finally {
    await log.close();
  }
}

/** Runs `chatter log …`, which must succeed, and resolves to the object that it printed. */
export async function runLog(args: readonly string[], options?: CliOptions) {
  const { status, stdout, stderr } = await runHere(["log", ...args], options);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return parseLines(stdout)[0]!;
}

/** Runs `chatter log …`, which must fail, and resolves to what it said. */
export async function failLog(args: readonly string[], options?: CliOptions): Promise<string> {
  const result: CliResult = await runHere(["log", ...args], options);
  expect(result).toMatchObject({ status: 1, stderr: expect.stringMatching(/^chatter: .+\n$/) });
  return result.stderr;
}
