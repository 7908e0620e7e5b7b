import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { ChatterService } from "../../gen/chatter_pb.js";
import type { ChatterClient } from "../chatter-client.js";
import { createChatterClient } from "../node.js";
import type { ClientAuth } from "../token-source.js";
import { Interrupted } from "./exit.js";
import { describeFailure, explainFailure } from "./failure.js";
import type { CallOptions, ServerOptions } from "./options.js";
import { readSavedToken } from "./saved-tokens.js";

/** What a command works with while it calls a server. */
export interface Call {
  /** Its calls fail when the connection does. */
  readonly client: Client<typeof ChatterService>;
  /** Goes on when the connection does not. */
  readonly chatter: ChatterClient;
  /** Aborted by Ctrl+C: goes with every call and every wait. */
  readonly signal: AbortSignal;
  /** Says in one line why a call has failed. */
  readonly describe: (error: unknown) => string;
}

/** Runs a command's calls with a token: the option's, else the one that was kept. */
export async function withToken(
  options: CallOptions,
  run: (call: Call) => Promise<void>,
): Promise<void> {
  const { token } = options;
  // The kept one is looked up again when it has expired: there may have been a new login.
  const findToken = async () => {
    const kept = await readSavedToken(options.url);
    if (kept === undefined) {
      const text = "no token: set CHATTER_TOKEN, or keep one with chatter login --save";
      throw new ConnectError(text, Code.Unauthenticated);
    }
    return kept;
  };
  if (!token) {
    // Faults of the file are told at once: those that come later are retried.
    await findToken();
  }
  await callServer(options, token ? { token } : findToken, run);
}

/** Runs a command's calls without a token. */
export async function withoutToken(
  options: ServerOptions,
  run: (call: Call) => Promise<void>,
): Promise<void> {
  await callServer(options, { token: "" }, run);
}

/**
 * Rejects with what made a call fail, as a `ConnectError` that says what can be done about
 * it, and with `Interrupted` if it was Ctrl+C.
 */
async function callServer(
  { url, protocol }: ServerOptions,
  auth: ClientAuth,
  run: (call: Call) => Promise<void>,
): Promise<void> {
  const interrupt = new AbortController();
  const { signal } = interrupt;
  const onInterrupt = () => interrupt.abort(new Interrupted());
  // Once: a second Ctrl+C ends the process at once.
  process.once("SIGINT", onInterrupt);
  const chatter = createChatterClient({ url, auth, transport: protocol });
  const describe = (error: unknown) => describeFailure(explainFailure(error, url));
  try {
    await run({ client: chatter.client, chatter, signal, describe });
    signal.throwIfAborted();
  } catch (error) {
    signal.throwIfAborted();
    throw explainFailure(error, url);
  } finally {
    // Connections are left to the end of the process: there are no calls in them any more.
    process.off("SIGINT", onInterrupt);
  }
}
