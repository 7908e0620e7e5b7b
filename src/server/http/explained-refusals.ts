import {
  createAsyncIterable,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";

/**
 * The same handler, whose refusals by status alone (the protocols have no error for a
 * request that speaks none of them) say in a line of text what would be right.
 */
export function withExplainedRefusals(handler: UniversalHandler): UniversalHandler {
  async function explain(request: UniversalServerRequest): Promise<UniversalServerResponse> {
    const response = await handler(request);
    const text = explanations[response.status]?.(handler);
    if (text === undefined || response.body !== undefined) {
      return response;
    }
    const header = new Headers(response.header);
    header.set("content-type", "text/plain; charset=utf-8");
    header.set("x-content-type-options", "nosniff");
    return {
      ...response,
      header,
      body: createAsyncIterable([new TextEncoder().encode(`${text}\n`)]),
    };
  }
  return Object.assign(explain, handler);
}

const explanations: Readonly<Record<number, (handler: UniversalHandler) => string>> = {
  415: ({ method }) =>
    `this content type is none that ${method.name} takes: use ${
      method.methodKind === "unary"
        ? "application/json, application/proto"
        : "application/connect+json, application/connect+proto"
    }, application/grpc or application/grpc-web`,
  505: ({ method }) =>
    `${method.name} is bidirectional and needs HTTP/2, or the WebSocket tunnel: HTTP/1.1 cannot carry it`,
};
