import { type Client, createClient } from "@connectrpc/connect";
import { ChatterService } from "../../gen/chatter_pb.js";
import { Interrupted } from "./exit.js";
import { explainFailure } from "./failure.js";
import type { CallOptions, ServerOptions } from "./options.js";
import { readSavedToken } from "./saved-tokens.js";
import { createTransport } from "./transport.js";

/** What a command works with while it calls a server. */
export interface Call {
  readonly client: Client<typeof ChatterService>;
  /** Aborted by Ctrl+C: goes with every call and every wait. */
  readonly signal: AbortSignal;
}

/** Runs a command's calls with a token: the option's, else the one that was kept. */
export async function withToken(
  options: CallOptions,
  run: (call: Call) => Promise<void>,
): Promise<void> {
  const token = options.token || (await readSavedToken(options.url));
  await callServer({ ...options, token, needsToken: true }, run);
}

/** Runs a command's calls without a token. */
export async function withoutToken(
  options: ServerOptions,
  run: (call: Call) => Promise<void>,
): Promise<void> {
  await callServer({ ...options, token: undefined, needsToken: false }, run);
}

interface Target extends ServerOptions {
  readonly token: string | undefined;
  readonly needsToken: boolean;
}

/**
 * Rejects with what made a call fail, as a `ConnectError` that says what can be done about
 * it, and with `Interrupted` if it was Ctrl+C.
 */
async function callServer(target: Target, run: (call: Call) => Promise<void>): Promise<void> {
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort(new Interrupted());
  // Once: a second Ctrl+C ends the process at once.
  process.once("SIGINT", onInterrupt);
  try {
    const client = createClient(ChatterService, createTransport(target));
    await run({ client, signal: interrupt.signal });
    interrupt.signal.throwIfAborted();
  } catch (error) {
    interrupt.signal.throwIfAborted();
    const lacksToken = target.needsToken && target.token === undefined;
    throw explainFailure(error, { url: target.url, lacksToken });
  } finally {
    process.off("SIGINT", onInterrupt);
  }
}
