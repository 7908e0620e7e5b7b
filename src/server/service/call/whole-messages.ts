import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { wholeBody, wholeEnvelopes } from "../passthrough/requests.js";
import { unreadKey } from "./context.js";
import { requestWith } from "./request.js";

/**
 * A unary handler that gets its message in one chunk, collected in one buffer and counted while it
 * arrives.
 *
 * @param maxBytes of the message
 */
export function withWholeMessage(handler: UniversalHandler, maxBytes: number): UniversalHandler {
  if (handler.method.methodKind !== "unary") {
    return handler;
  }
  const collected = (request: UniversalServerRequest) => {
    const body = request.body as AsyncIterable<Uint8Array>;
    if (!(Symbol.asyncIterator in body)) {
      return handler(request); // An adapter of another kind has already read it.
    }
    const unread = request.contextValues?.get(unreadKey);
    const hasEnvelopes = /^application\/grpc/.test(request.header.get("content-type") ?? "");
    const whole = (hasEnvelopes ? wholeEnvelopes : wholeBody)(body, maxBytes, unread);
    return handler(requestWith(request, { body: whole }));
  };
  return Object.assign(collected, handler);
}
