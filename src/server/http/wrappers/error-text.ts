import {
  createAsyncIterable,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { bidirectionalNeedsHttp2, unsupportedContentType } from "../errors.js";
import type { PlainResponse } from "../plain-response.js";

/**
 * The same handler, but refusals that would have only a status (the protocols have no error for a
 * request that speaks none of them) say in a line of text what is right.
 */
export function withErrorText(handler: UniversalHandler): UniversalHandler {
  function explained(response: UniversalServerResponse): UniversalServerResponse {
    const refusal = explanations[response.status]?.(handler);
    if (refusal === undefined || response.body !== undefined) {
      return response;
    }
    const header = new Headers(response.header);
    header.set("content-type", "text/plain; charset=utf-8");
    header.set("x-content-type-options", "nosniff");
    return {
      ...response,
      header,
      body: createAsyncIterable([new TextEncoder().encode(refusal.body)]),
    };
  }
  const explain = (request: UniversalServerRequest) => handler(request).then(explained);
  return Object.assign(explain, handler);
}

const explanations: Readonly<Record<number, (handler: UniversalHandler) => PlainResponse>> = {
  415: ({ method }) =>
    unsupportedContentType({
      method: method.name,
      types:
        method.methodKind === "unary"
          ? "application/json, application/proto"
          : "application/connect+json, application/connect+proto",
    }),
  505: ({ method }) => bidirectionalNeedsHttp2({ method: method.name }),
};
