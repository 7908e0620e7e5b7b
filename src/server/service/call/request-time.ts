import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { timedBody } from "../../limits/request-time.js";
import type { UploadTimeouts } from "../../limits/upload-timeouts.js";
import { requestWith } from "./request.js";

/**
 * The same handler, but a request's body ends with an error if it takes too long. Not for posting
 * streams, which limit the time of each message where it is read.
 */
export function withRequestTime(
  handler: UniversalHandler,
  uploads: UploadTimeouts,
): UniversalHandler {
  const { methodKind } = handler.method;
  const counts = methodKind === "client_streaming" || methodKind === "bidi_streaming";
  const timed = (request: UniversalServerRequest) => {
    const body = request.body as AsyncIterable<Uint8Array>;
    return Symbol.asyncIterator in body
      ? handler(requestWith(request, { body: timedBody(body, uploads, counts) }))
      : handler(request); // An adapter of another kind has already read it.
  };
  return Object.assign(timed, handler);
}
