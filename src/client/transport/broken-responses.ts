import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { responseBroken, responseIncomplete } from "../errors.js";
import { mapErrors } from "./map-errors.js";

/**
 * The same transport, with the codes of responses that break off by their cause: `unavailable` if
 * the connection was lost or the stream was reset, for which Connect has `canceled`, `aborted` and
 * `internal`, though nobody has cancelled the call; `internal` if the response ended in good order
 * but too early, for which Connect has `invalid_argument` in the middle of a message.
 */
export function withBrokenResponses(transport: Transport): Transport {
  return mapErrors(transport, (error, { signal }) => {
    if (!(error instanceof ConnectError) || signal?.aborted || isOfTheServer(error)) {
      return error;
    }
    const { rawMessage: reason, cause = error } = error;
    if (isLost(error)) {
      return responseBroken({ reason, cause });
    }
    return error.code === Code.InvalidArgument && endsEarly.test(reason)
      ? responseIncomplete({ reason, cause })
      : error;
  });
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
