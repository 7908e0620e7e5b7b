import type { DescMethodServerStreaming, DescMethodUnary } from "@bufbuild/protobuf";
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
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";

/** How a call ends. */
export interface End {
  /** Undefined if it succeeded. */
  readonly error?: unknown;
  readonly header: Headers;
  readonly trailer: Headers;
}

const endKey = createContextKey<End | undefined>(undefined, {
  description: "what the call ends with",
});

/** What Connect needs to know about a request to end its call in its protocol. */
export interface EndingRequest {
  /** The content type, and the accepted compressions. */
  readonly header: Readonly<Record<string, string>>;
  /** One valid message. */
  readonly body: Uint8Array;
}

/**
 * Makes the response of a call that ends, in the protocol of its request: with the error where the
 * protocol has it, and no messages.
 */
export type Ending = (request: EndingRequest, end: End) => Promise<UniversalServerResponse>;

/**
 * The endings of a method that reads, or of a unary one that fails: Connect makes them, by running
 * a method that only ends.
 *
 * @param options those of the router that has the real method
 */
export function createEnding(
  method: DescMethodServerStreaming | DescMethodUnary,
  options: ConnectRouterOptions,
): Ending {
  const router = createConnectRouter({ ...options, interceptors: [] });
  if (method.methodKind === "unary") {
    router.rpc(method, (_, context) => endCall(context) as never);
  } else {
    // biome-ignore lint/correctness/useYield: it ends before its first message
    router.rpc(method, async function* (_, context) {
      endCall(context);
    });
  }
  const handler = router.handlers[0]!;
  const url = createMethodUrl("http://localhost", method);
  return ({ header, body }, end) =>
    handler({
      httpVersion: "2.0",
      method: "POST",
      url,
      header: new Headers(header),
      signal: new AbortController().signal,
      body: createAsyncIterable([body]),
      contextValues: createContextValues().set(endKey, end),
    });
}

function endCall({ values, responseHeader, responseTrailer }: HandlerContext): void {
  const { error, header, trailer } = values.get(endKey)!;
  copy(header, responseHeader);
  copy(trailer, responseTrailer);
  if (error !== undefined) {
    throw error;
  }
}

function copy(from: Headers, to: Headers): void {
  for (const [name, value] of from) {
    if (name === "set-cookie") {
      to.append(name, value);
    } else {
      to.set(name, value);
    }
  }
}
