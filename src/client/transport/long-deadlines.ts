import type { Transport } from "@connectrpc/connect";
import { LinkedAbort } from "../../async/abort.js";
import { startTimer } from "../../async/long-timer.js";
import { maxTimerMs } from "../../async/max-timer.js";
import { timedOut } from "../errors.js";

/** How a protocol expresses the timeout of a call. */
export interface TimeoutHeader {
  readonly name: string;
  /** Connect writes longer ones wrongly, or its timer ends the call at once; in milliseconds. */
  readonly longestMs: number;
  /** The value for a number of milliseconds, rounded up; undefined if it cannot be expressed. */
  format(ms: number): string | undefined;
}

export const connectTimeout: TimeoutHeader = {
  name: "connect-timeout-ms",
  longestMs: maxTimerMs,
  format: (ms) => (ms < 1e10 ? `${Math.ceil(ms)}` : undefined),
};

/** At most eight digits, and a unit. */
const maxGrpcNumber = 99_999_999;
const grpcUnits = [
  ["m", 1],
  ["S", 1_000],
  ["M", 60_000],
  ["H", 3_600_000],
] as const;

export const grpcTimeout: TimeoutHeader = {
  name: "grpc-timeout",
  longestMs: Math.min(maxGrpcNumber, maxTimerMs),
  format(ms) {
    const unit = grpcUnits.find(([, unitMs]) => Math.ceil(ms / unitMs) <= maxGrpcNumber);
    return unit && `${Math.ceil(ms / unit[1])}${unit[0]}`;
  },
};

/**
 * The same transport, for deadlines of any length: one that Connect cannot keep, or cannot express,
 * is kept and expressed here.
 *
 * @param defaultTimeoutMs of calls that have no timeout of their own. Default: none
 */
export function withLongDeadlines(
  transport: Transport,
  timeout: TimeoutHeader,
  defaultTimeoutMs?: number,
): Transport {
  const begin = (signal: AbortSignal | undefined, timeoutMs: number, init?: HeadersInit) => {
    const call = new LinkedAbort(signal);
    const stop = startTimer(timeoutMs, () => call.abort(timedOut()));
    const header = new Headers(init);
    const said = timeout.format(timeoutMs);
    if (said !== undefined) {
      header.set(timeout.name, said);
    }
    return {
      header,
      signal: call.signal,
      end: () => {
        stop();
        call.abort();
      },
    };
  };
  const isLong = (timeoutMs: number | undefined): timeoutMs is number =>
    timeoutMs !== undefined && timeoutMs > timeout.longestMs;
  return {
    async unary(method, signal, timeoutMs = defaultTimeoutMs, init, input, values) {
      if (!isLong(timeoutMs)) {
        return transport.unary(method, signal, whole(timeoutMs), init, input, values);
      }
      const call = begin(signal, timeoutMs, init);
      try {
        return await transport.unary(method, call.signal, 0, call.header, input, values);
      } finally {
        call.end();
      }
    },
    async stream(method, signal, timeoutMs = defaultTimeoutMs, init, input, values) {
      if (!isLong(timeoutMs)) {
        return transport.stream(method, signal, whole(timeoutMs), init, input, values);
      }
      const call = begin(signal, timeoutMs, init);
      try {
        const { signal } = call;
        const response = await transport.stream(method, signal, 0, call.header, input, values);
        return { ...response, message: untilEnd(response.message, call.end) };
      } catch (error) {
        call.end();
        throw error;
      }
    },
  };
}

/** Connect writes fractions, which no server accepts. */
function whole(ms: number | undefined): number | undefined {
  return ms && Math.ceil(ms);
}

async function* untilEnd<T>(messages: AsyncIterable<T>, end: () => void): AsyncGenerator<T> {
  try {
    yield* messages;
  } finally {
    end();
  }
}
