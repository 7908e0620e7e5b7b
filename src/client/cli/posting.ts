import { type Call, withToken } from "./call.js";
import { InputLines } from "./input-lines.js";
import type { CallOptions } from "./options.js";

/** What a posting stream sends. */
export type Requests = AsyncIterable<{ message: string }>;

/**
 * Runs a posting call with one request for each line of standard input. Rejects also if the
 * lines ended too early, after the call has ended well.
 */
export async function postLines(
  options: CallOptions,
  run: (call: Call, requests: Requests) => Promise<void>,
): Promise<void> {
  const lines = new InputLines(process.stdin);
  if (process.stdin.isTTY) {
    process.stderr.write("Press Ctrl+D to stop chatting.\n");
  }
  await withToken(options, async (call) => {
    await run(call, createRequests(lines));
    if (lines.fault !== undefined) {
      throw lines.fault;
    }
  });
}

async function* createRequests(lines: InputLines): AsyncGenerator<{ message: string }, void> {
  for await (const message of lines) {
    yield { message };
  }
}

/** What the help of each posting command says about its input. */
export const inputHelp = `
Each line of standard input is one message, as UTF-8. Empty lines are left out. A line over
65,536 bytes, or one that is not UTF-8, ends the input: what came before it is posted, and
the exit status is 1.`;
