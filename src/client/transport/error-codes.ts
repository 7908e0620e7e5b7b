import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { elapsedMs, now } from "../../async/elapsed-time.js";
import { mapResults } from "../../async/map-results.js";
import { responseBroken, responseIncomplete, timedOut } from "../errors.js";

/**
 * The same transport, with codes by the cause for errors that no server has sent, also those of
 * streams that have begun:
 *
 * - `deadline_exceeded` if the stream was reset at the deadline, as grpc-go does. If that comes
 *   before the client's own timer, which a busy process runs late, Connect has `canceled`
 * - `unavailable` if the connection was lost or the stream was reset, for which Connect has
 *   `canceled`, `aborted` and `internal`, though nobody has cancelled the call
 * - `internal` if the response ended in good order but too early, for which Connect has
 *   `invalid_argument` in the middle of a message
 */
export function withErrorCodes(transport: Transport): Transport {
  const thrower = (signal: AbortSignal | undefined, timeoutMs: number | undefined) => {
    const begun = now();
    return (error: unknown): never => {
      if (!(error instanceof ConnectError) || signal?.aborted || isOfTheServer(error)) {
        throw error;
      }
      // For Connect, 0 or less means no deadline.
      const isLate = timeoutMs !== undefined && timeoutMs > 0 && elapsedMs(begun) >= timeoutMs;
      throw isLate && error.code === Code.Canceled ? timedOut() : byCause(error);
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

function byCause(error: ConnectError): ConnectError {
  const { rawMessage: reason, cause = error } = error;
  if (isLost(error)) {
    return responseBroken({ reason, cause });
  }
  return error.code === Code.InvalidArgument && endsEarly.test(reason)
    ? responseIncomplete({ reason, cause })
    : error;
}

/** Connect's texts for a response that ends too early. */
const endsEarly =
  /^(protocol error: (incomplete envelope|missing EndStreamResponse|promised \d+ bytes, received \d+)|parse binary: premature EOF)$/;

/** Connect's texts, by the codes that it gives, for a stream that was reset. */
const isReset = /^http\/2 stream closed with error code /;
const resetCodes: ReadonlySet<Code> = new Set([Code.Internal, Code.Canceled]);

/** Node's codes for a lost connection, or stream. */
const lost =
  /^(ECONNRESET|EPIPE|ERR_STREAM_(DESTROYED|PREMATURE_CLOSE)|ERR_HTTP2_(INVALID_STREAM|STREAM_ERROR|SESSION_ERROR|STREAM_CANCEL|GOAWAY_SESSION|INVALID_SESSION))$/;

/** Its errors have the headers of the response. */
function isOfTheServer({ metadata }: ConnectError): boolean {
  return !metadata.keys().next().done;
}

function isLost({ code, rawMessage, cause }: ConnectError): boolean {
  return (
    (isReset.test(rawMessage) && resetCodes.has(code)) ||
    lost.test(String((cause as { code?: unknown } | undefined)?.code))
  );
}
