import type { DescMethodServerStreaming } from "@bufbuild/protobuf";
import {
  type ConnectRouterOptions,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import {
  createAsyncIterable,
  createMethodUrl,
  encodeEnvelope,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";

/** What a call ends with. */
export interface End {
  /** Undefined if it went well. */
  readonly error?: unknown;
  readonly header: Headers;
  readonly trailer: Headers;
}

const endKey = createContextKey<End | undefined>(undefined, {
  description: "what the call ends with",
});

/**
 * Makes the response of a call that ends, in the protocol of its request: with its error in
 * the trailers or in the end-of-stream message, as the protocol has it, and no messages.
 */
export type Ending = (contentType: string, end: End) => Promise<UniversalServerResponse>;

/**
 * The endings of a method that reads: Connect makes them, from a method that does nothing
 * but end.
 *
 * @param options those of the router that has the real method
 */
export function createEnding(
  method: DescMethodServerStreaming,
  options: ConnectRouterOptions,
): Ending {
  const { parent, localName } = method;
  async function* end(_request: unknown, context: HandlerContext): AsyncGenerator<never> {
    const { error, header, trailer } = context.values.get(endKey)!;
    copy(header, context.responseHeader);
    copy(trailer, context.responseTrailer);
    if (error !== undefined) {
      throw error;
    }
    yield* [];
  }
  const endOnly: Record<string, unknown> = { [localName]: end };
  const { handlers } = createConnectRouter({ ...options, interceptors: [] }).service(
    parent,
    endOnly as object,
  );
  const handler = handlers.find(({ method }) => method.localName === localName)!;
  const url = createMethodUrl("http://localhost", method);
  return (contentType, end) =>
    handler({
      httpVersion: "2.0",
      method: "POST",
      url,
      header: new Headers({ "content-type": contentType }),
      signal: new AbortController().signal,
      body: createAsyncIterable([encodeEnvelope(0, new Uint8Array(0))]),
      contextValues: createContextValues().set(endKey, end),
    });
}

function copy(from: Headers, to: Headers): void {
  for (const [name, value] of from) {
    to.set(name, value);
  }
}
