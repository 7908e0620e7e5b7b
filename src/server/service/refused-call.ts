import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { codeFromHttpStatus, errorFromJsonBytes } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse } from "@connectrpc/connect/protocol-grpc-web";
import type { Call } from "./call.js";
import { envelopeHeadLength } from "./envelope.js";

/**
 * The same response, which Connect made without entering the call's interceptors, as it does
 * for a unary message that cannot be read: the call begins and ends when it is sent, with
 * the error that is in it.
 */
export function withRefusal(
  response: UniversalServerResponse,
  call: Call,
  requestHeader: Headers,
): UniversalServerResponse {
  async function* body() {
    let last: Uint8Array = new Uint8Array(0);
    try {
      for await (const chunk of response.body ?? []) {
        last = chunk;
        yield chunk;
      }
    } finally {
      call.begin(requestHeader);
      call.end(errorIn(response, last));
    }
  }
  return { ...response, body: body() };
}

function errorIn(response: UniversalServerResponse, last: Uint8Array): ConnectError {
  const { status, header, trailer = new Headers() } = response;
  if (status !== 200) {
    const otherwise = new ConnectError("the call was refused", codeFromHttpStatus(status));
    return errorFromJsonBytes(last, header, otherwise);
  }
  const isWebTrailer = ((last[0] ?? 0) & trailerFlag) !== 0;
  const error = findTrailerError(
    isWebTrailer ? trailerParse(last.subarray(envelopeHeadLength)) : trailer,
  );
  return error ?? new ConnectError("the call was refused", Code.Unknown);
}
