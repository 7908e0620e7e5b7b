import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { LinkedAbort } from "../../async/abort.js";
import { elapsedMs, type Moment, now } from "../../async/elapsed-time.js";
import { startTimer } from "../../async/long-timer.js";
import { ChatterService } from "../../gen/chatter_pb.js";
import { timedOut } from "../errors.js";
import type { TokenSource } from "../token-source.js";
import { withLateReaders } from "./late-readers.js";

const login: DescMethod = ChatterService.method.login;

/**
 * The transport with a token on every call that has no authorization of its own. Login needs none.
 * A refused token is renewed for the next call, not for this one. The time for fetching the token
 * counts as time of the call.
 *
 * @param closing ends every call, with its reason
 */
export function createAuthorizedTransport(
  transport: Transport,
  tokens: TokenSource,
  closing: AbortSignal,
): Transport {
  return withLateReaders({
    async unary(method, signal, timeoutMs, init, input, contextValues) {
      const header = new Headers(init);
      const call = new LinkedAbort(closing, signal);
      let token: string | undefined;
      try {
        const begun = now();
        token = await authorize(header, method !== login, call, timeoutMs);
        const leftMs = timeLeft(timeoutMs, begun);
        return await transport.unary(method, call.signal, leftMs, header, input, contextValues);
      } catch (error) {
        throw noted(error, token);
      } finally {
        call.abort();
      }
    },
    async stream(method, signal, timeoutMs, init, input, contextValues) {
      const header = new Headers(init);
      const call = new LinkedAbort(closing, signal);
      let token: string | undefined;
      try {
        const begun = now();
        token = await authorize(header, true, call, timeoutMs);
        const { signal } = call;
        const leftMs = timeLeft(timeoutMs, begun);
        const stream = transport.stream(method, signal, leftMs, header, input, contextValues);
        const response = await stream;
        return { ...response, message: watch(response.message, token, call) };
      } catch (error) {
        call.abort();
        throw noted(error, token);
      }
    },
  });

  async function authorize(
    header: Headers,
    needsToken: boolean,
    call: LinkedAbort,
    timeoutMs: number | undefined,
  ): Promise<string | undefined> {
    if (!needsToken || header.has("authorization")) {
      return undefined;
    }
    const stop = hasDeadline(timeoutMs)
      ? startTimer(timeoutMs, () => call.abort(timedOut()))
      : undefined;
    try {
      const token = await tokens.get(call.signal);
      header.set("authorization", `Bearer ${token}`);
      return token;
    } catch (error) {
      // As Connect does with the signal of a call in progress.
      throw call.signal.aborted ? ConnectError.from(call.signal.reason, Code.Canceled) : error;
    } finally {
      stop?.();
    }
  }

  async function* watch<T>(
    messages: AsyncIterable<T>,
    token: string | undefined,
    call: LinkedAbort,
  ) {
    try {
      yield* messages;
    } catch (error) {
      throw noted(error, token);
    } finally {
      call.abort();
    }
  }

  function noted(error: unknown, token: string | undefined): unknown {
    const isRefused = error instanceof ConnectError && error.code === Code.Unauthenticated;
    if (isRefused && token !== undefined) {
      tokens.refuse(token);
    }
    return error;
  }
}

/** For Connect, 0 or less means no deadline. */
function hasDeadline(timeoutMs: number | undefined): timeoutMs is number {
  return timeoutMs !== undefined && timeoutMs > 0;
}

/** The rest of a timeout, in whole milliseconds, at least 1. */
function timeLeft(timeoutMs: number | undefined, begun: Moment): number | undefined {
  return hasDeadline(timeoutMs) ? Math.max(1, Math.ceil(timeoutMs - elapsedMs(begun))) : timeoutMs;
}
