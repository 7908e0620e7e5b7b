import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { ConnectError } from "@connectrpc/connect";
import {
  createAsyncIterable,
  encodeEnvelope,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import {
  codeFromHttpStatus,
  codeToHttpStatus,
  errorFromJsonBytes,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { findTrailerError, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { envelopePrefixLength } from "../../encoding/envelope.js";
import type { Call } from "./call.js";
import { asRefusal, refusedCall } from "./errors.js";

/**
 * The response to a call that Connect refused without entering its interceptors, as it does for a
 * unary message that cannot be read. The call begins and ends here, with the error of the response
 * in Chatter's own words.
 */
export async function answerRefused(
  response: UniversalServerResponse,
  call: Call,
  requestHeader: Headers,
): Promise<UniversalServerResponse> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
  }
  const last = chunks.at(-1) ?? new Uint8Array(0);
  const error = errorIn(response, last);
  const said = asRefusal(error);
  call.begin(requestHeader);
  call.end(said);
  return said === error
    ? { ...response, body: createAsyncIterable(chunks) }
    : withError(response, last, said);
}

function errorIn(response: UniversalServerResponse, last: Uint8Array): ConnectError {
  const { status, header, trailer = new Headers() } = response;
  if (status !== 200) {
    const otherwise = refusedCall({ code: codeFromHttpStatus(status) });
    return errorFromJsonBytes(uncompressed(last, header), header, otherwise);
  }
  const error = findTrailerError(isWebTrailer(last) ? parseWebTrailer(last) : trailer);
  return error ?? refusedCall();
}

/** Connect compresses a long error of a unary call if the client accepts that. */
function uncompressed(bytes: Uint8Array, header: Headers | undefined): Uint8Array {
  switch (header?.get("content-encoding")) {
    case "gzip":
      return gunzipSync(bytes);
    case "br":
      return brotliDecompressSync(bytes);
    default:
      return bytes;
  }
}

/** The same response with another error, where `errorIn` found its own. */
function withError(
  response: UniversalServerResponse,
  last: Uint8Array,
  error: ConnectError,
): UniversalServerResponse {
  if (response.status !== 200) {
    const bytes = errorToJsonBytes(error, undefined);
    const header = new Headers(response.header);
    header.set("content-length", String(bytes.length));
    header.delete("content-encoding");
    const status = codeToHttpStatus(error.code);
    return { ...response, status, header, body: createAsyncIterable([bytes]) };
  }
  if (isWebTrailer(last)) {
    const trailer = trailerSerialize(setTrailerStatus(parseWebTrailer(last), error));
    return { ...response, body: createAsyncIterable([encodeEnvelope(trailerFlag, trailer)]) };
  }
  const trailer = setTrailerStatus(new Headers(response.trailer), error);
  return { ...response, body: createAsyncIterable<Uint8Array>([]), trailer };
}

function isWebTrailer([flags = 0]: Uint8Array): boolean {
  return (flags & trailerFlag) !== 0;
}

function parseWebTrailer(envelope: Uint8Array): Headers {
  return trailerParse(envelope.subarray(envelopePrefixLength));
}
