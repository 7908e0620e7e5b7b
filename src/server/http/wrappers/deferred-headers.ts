import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";

/**
 * The same handler; if its client streams and is answered once, the response's headers are sent
 * with the answer, not when the call is accepted.
 *
 * Some proxies read no more of a request over HTTP/1.1 once its response has begun. Those in Go
 * lose a part of it: what arrives has a gap in the middle.
 */
export function withDeferredHeaders(handler: UniversalHandler): UniversalHandler {
  if (handler.method.methodKind !== "client_streaming") {
    return handler;
  }
  async function answerLate(request: UniversalServerRequest): Promise<UniversalServerResponse> {
    const response = await handler(request);
    return response.body ? { ...response, body: withoutEmptyChunks(response.body) } : response;
  }
  return Object.assign(answerLate, handler);
}

/** Adapters send the headers with the first chunk, even an empty one. */
async function* withoutEmptyChunks(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    if (chunk.length > 0) {
      yield chunk;
    }
  }
}
