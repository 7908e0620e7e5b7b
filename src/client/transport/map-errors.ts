import type { Transport } from "@connectrpc/connect";
import { elapsedMs, now } from "../../async/elapsed-time.js";
import { mapResults } from "../../async/map-results.js";

/** A call that has failed. */
export interface FailedCall {
  /** The caller's. */
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
  readonly tookMs: number;
}

/** The same transport with each error mapped, also those of streams that have begun. */
export function mapErrors(
  transport: Transport,
  map: (error: unknown, call: FailedCall) => unknown,
): Transport {
  const thrower = (signal: AbortSignal | undefined, timeoutMs: number | undefined) => {
    const begun = now();
    return (error: unknown): never => {
      throw map(error, { signal, timeoutMs, tookMs: elapsedMs(begun) });
    };
  };
  return {
    unary(method, signal, timeoutMs, ...rest) {
      const fail = thrower(signal, timeoutMs);
      return transport.unary(method, signal, timeoutMs, ...rest).catch(fail);
    },
    async stream(method, signal, timeoutMs, ...rest) {
      const fail = thrower(signal, timeoutMs);
      const response = await transport.stream(method, signal, timeoutMs, ...rest).catch(fail);
      return { ...response, message: mapResults(response.message, (result) => result, fail) };
    },
  };
}
