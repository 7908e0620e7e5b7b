import {
  type ConnectRouterOptions,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import {
  createAsyncIterable,
  encodeEnvelope,
  type UniversalHandlerFn,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { ChatterService } from "../../gen/chatter_pb.js";
import type { Afterlife } from "./afterlife.js";

const errorKey = createContextKey<unknown>(undefined, { description: "what the call ends with" });

/** Makes what a response ends with, in the protocol of its request: well, or by an error. */
export type Ending = (
  request: Pick<UniversalServerRequest, "httpVersion" | "method" | "url" | "header">,
  error: unknown,
) => Promise<UniversalServerResponse>;

/**
 * The endings of calls whose method has returned before (see {@link Afterlife}), by the path
 * of the method: Connect makes them, from methods that do nothing but end.
 *
 * @param options those of the router that has the real methods
 */
export function createEndings(options: ConnectRouterOptions): ReadonlyMap<string, Ending> {
  async function* end(_request: unknown, context: HandlerContext): AsyncGenerator<never> {
    const error = context.values.get(errorKey);
    if (error !== undefined) {
      throw error;
    }
    yield* [];
  }
  const { handlers } = createConnectRouter({ ...options, interceptors: [] }).service(
    ChatterService,
    { subscribe: end, history: end },
  );
  const reading = handlers.filter(({ method }) => method.methodKind === "server_streaming");
  return new Map(reading.map((handler) => [handler.requestPath, endingBy(handler)]));
}

function endingBy(handler: UniversalHandlerFn): Ending {
  return (request, error) =>
    handler({
      ...request,
      signal: new AbortController().signal,
      body: createAsyncIterable([encodeEnvelope(0, new Uint8Array(0))]),
      contextValues: createContextValues().set(errorKey, error),
    });
}
