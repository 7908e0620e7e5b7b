import type { ConnectError } from "@connectrpc/connect";
import { serverSilent } from "./errors.js";

/** The errors of calls that were ended because the server was silent. */
const silences = new WeakSet<object>();

/** The same error, of a call to which the server does not answer. */
export function asSilence(error: ConnectError): ConnectError {
  silences.add(error);
  return error;
}

/** The error of a call that is ended after this many milliseconds without an answer. */
export function silenceOf(limitMs: number): ConnectError {
  return asSilence(serverSilent({ seconds: limitMs / 1000 }));
}

/**
 * Whether a call was ended because the server was silent. Its connection may be dead; or a proxy
 * has given the call to a server that hangs, and may do the same with the next one.
 */
export function isSilence(reason: unknown): boolean {
  return typeof reason === "object" && reason !== null && silences.has(reason);
}
