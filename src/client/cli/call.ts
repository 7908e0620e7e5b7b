import type { Client } from "@connectrpc/connect";
import { Interrupted } from "../../cli/exit.js";
import { describeFailure, explainFailure } from "../../cli/failure.js";
import type { ChatterService } from "../../gen/chatter_pb.js";
import type { ChatterClient } from "../chatter-client.js";
import { createChatterClient } from "../node.js";
import type { ClientAuth } from "../token-source.js";
import type { CallOptions, ServerOptions } from "./call-options.js";
import { readClientCertificate } from "./client-certificate.js";
import { type Account, type AskAccount, CommandTokens } from "./command-tokens.js";

/** What a command uses while it calls a server. */
export interface Call {
  /** Its calls fail when the connection does. */
  readonly client: Client<typeof ChatterService>;
  /** Survives dropped connections. */
  readonly chatter: ChatterClient;
  /** Aborted by Ctrl+C: pass it to every call and every wait. */
  readonly signal: AbortSignal;
  /** Describes in one line why a call has failed. */
  readonly describe: (error: unknown) => string;
  /** Whether a prompt for an account is open. */
  readonly isAsking: () => boolean;
}

/**
 * Runs a command's calls with a token: see `CommandTokens`.
 *
 * @param ask prompts for an account when there is no token, or when it has expired; undefined
 *   without a terminal, or if the command does not run for long
 */
export async function withToken(
  options: CallOptions,
  run: (call: Call) => Promise<void>,
  ask?: AskAccount,
): Promise<void> {
  const { token, url } = options;
  const login = async (account: Account, signal: AbortSignal) =>
    (await client.login(account, { signal })).token;
  const tokens = new CommandTokens({ url, token, ask, login });
  // Faults of the file are reported at once: later ones are retried.
  await tokens.check();
  const auth: ClientAuth = token && !tokens.canLogIn ? { token } : (signal) => tokens.get(signal);
  let client: Call["client"];
  await callServer(options, auth, tokens, (call) => {
    client = call.client;
    return run(call);
  });
}

/** Runs a command's calls without a token. */
export async function withoutToken(
  options: ServerOptions,
  run: (call: Call) => Promise<void>,
): Promise<void> {
  await callServer(options, { token: "" }, undefined, run);
}

/**
 * Rejects with the error of a failed call, as a `ConnectError` that says what can be done about it,
 * and with `Interrupted` after Ctrl+C.
 */
async function callServer(
  { url, protocol, clientCert, clientKey }: ServerOptions,
  auth: ClientAuth,
  tokens: CommandTokens | undefined,
  run: (call: Call) => Promise<void>,
): Promise<void> {
  const tls = await readClientCertificate(clientCert, clientKey);
  const interrupt = new AbortController();
  const { signal } = interrupt;
  const onInterrupt = () => interrupt.abort(new Interrupted());
  // Once: a second Ctrl+C ends the process at once.
  process.once("SIGINT", onInterrupt);
  const chatter = createChatterClient({ url, auth, transport: protocol, tls });
  const explain = (error: unknown) => explainFailure(tokens ? tokens.explain(error) : error, url);
  const call: Call = {
    client: chatter.client,
    chatter,
    signal,
    describe: (error) => describeFailure(explain(error)),
    isAsking: () => tokens?.isAsking ?? false,
  };
  try {
    await run(call);
    signal.throwIfAborted();
  } catch (error) {
    signal.throwIfAborted();
    throw explain(error);
  } finally {
    // Connections are left to the end of the process: they have no calls any more.
    process.off("SIGINT", onInterrupt);
  }
}
