import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { responseBroken } from "../errors.js";
import { mapErrors } from "./map-errors.js";

/**
 * The same transport; if a response breaks off, the call fails with `unavailable`. Connect's code
 * depends on where it broke: `invalid_argument` in the middle of a message, `internal` or `unknown`
 * where the end is missing, and `canceled` or `aborted` if the connection was lost, though nobody
 * has cancelled the call.
 */
export function withBrokenResponses(transport: Transport): Transport {
  return mapErrors(transport, (error, { signal }) =>
    error instanceof ConnectError && !signal?.aborted && isBroken(error)
      ? responseBroken({ reason: error.rawMessage, cause: error.cause ?? error })
      : error,
  );
}

/** Connect's texts for a response that ends too early. */
const endsEarly =
  /^(protocol error: (incomplete envelope|missing (EndStreamResponse|status|trailer)|missing output message for unary method|promised \d+ bytes, received \d+)|parse binary: premature EOF)$/;

/** Connect's texts, by the codes that it gives, for a stream that was reset. */
const isReset = /^http\/2 stream closed with error code /;
const resetCodes: ReadonlySet<Code> = new Set([Code.Internal, Code.Canceled]);

/** Node's codes for a lost connection, or stream. */
const lost =
  /^(ECONNRESET|EPIPE|ERR_STREAM_(DESTROYED|PREMATURE_CLOSE)|ERR_HTTP2_(INVALID_STREAM|STREAM_ERROR|SESSION_ERROR|STREAM_CANCEL|GOAWAY_SESSION|INVALID_SESSION))$/;

function isBroken({ code, rawMessage, metadata, cause }: ConnectError): boolean {
  if (!metadata.keys().next().done) {
    return false; // The server has said so: its errors have the headers of the response.
  }
  return (
    (endsEarly.test(rawMessage) && code !== Code.Unimplemented) ||
    (isReset.test(rawMessage) && resetCodes.has(code)) ||
    lost.test(String((cause as { code?: unknown } | undefined)?.code))
  );
}
