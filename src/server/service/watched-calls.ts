import { createContextValues, type Interceptor } from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { Call, type CallObserver, callKey, type MessageCount } from "./call.js";
import { asConnectError, clientLeftError } from "./errors.js";
import { peerAddressKey } from "./peer-address.js";
import { answerRefused } from "./refused-call.js";
import { requestIdHeader, requestIdOf } from "./request-id.js";
import { type CallProtocol, wireProtocol } from "./wire.js";

/**
 * The same handler, whose calls can be watched: each has a {@link Call} in its context
 * values, and its id in the response header.
 */
export function withCalls(
  handler: UniversalHandler,
  observers: readonly CallObserver[],
): UniversalHandler {
  async function watched(request: UniversalServerRequest): Promise<UniversalServerResponse> {
    const values = request.contextValues ?? createContextValues();
    const call = new Call(
      handler.method,
      values.get(wireProtocol) ?? protocolOf(request.header),
      requestIdOf(request.header),
      values.get(peerAddressKey),
      values,
      observers,
    );
    const response = await handler({ ...request, contextValues: values.set(callKey, call) });
    const header = response.header ?? new Headers();
    header.set(requestIdHeader, call.requestId);
    // What Connect refuses before its interceptors is a call all the same, if it speaks a
    // protocol at all.
    return call.hasBegun || response.body === undefined
      ? { ...response, header }
      : answerRefused({ ...response, header }, call, request.header);
  }
  return Object.assign(watched, handler);
}

function protocolOf(header: Headers): CallProtocol {
  const type = header.get("content-type") ?? "";
  if (type.startsWith("application/grpc-web")) {
    return "grpc-web";
  }
  return type.startsWith("application/grpc") ? "grpc" : "connect";
}

/**
 * Begins and ends each {@link Call}, and counts its messages as far as they go through
 * Connect; encoded ones are counted where they are made and split. To be the first
 * interceptor. To the peer, what is no ConnectError is "internal error".
 */
export function createCallInterceptor(): Interceptor {
  return (next) => async (request) => {
    const call = request.contextValues.get(callKey);
    if (!call) {
      return next(request);
    }
    call.begin(request.header);
    try {
      if (!request.stream) {
        call.received = 1;
        const response = await call.run(() => next(request));
        call.sent = 1;
        call.end(undefined);
        return response;
      }
      const counted = { ...request, message: countReceived(request.message, call) };
      const response = await call.run(() => next(counted));
      if (!response.stream) {
        return response; // Connect does not mix the two.
      }
      return { ...response, message: new Watched(response.message[Symbol.asyncIterator](), call) };
    } catch (reason) {
      const error = asConnectError(reason);
      call.end(error);
      throw error;
    }
  };
}

/** The same messages, counted. Not a generator, which would be one more between the two. */
function countReceived<T>(messages: AsyncIterable<T>, count: MessageCount): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = messages[Symbol.asyncIterator]();
      const onResult = (result: IteratorResult<T>) => {
        if (!result.done) {
          count.received++;
        }
        return result;
      };
      return {
        next: () => iterator.next().then(onResult),
        return: (value) =>
          iterator.return?.(value) ?? Promise.resolve({ done: true as const, value }),
        throw: (error) => iterator.throw?.(error) ?? Promise.reject(error),
      };
    },
  };
}

/**
 * The same messages, counted and each made as the observers want it, and the call ended with
 * them. No generator: it would hold a KiB for each of the calls that last for days.
 */
class Watched<T> implements AsyncIterableIterator<T> {
  constructor(
    private readonly messages: AsyncIterator<T>,
    private readonly call: Call,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T>> {
    return this.call.run(() => this.messages.next()).then(this.onResult, this.onError);
  }

  /** Nobody takes the rest. */
  return(value?: unknown): Promise<IteratorResult<T>> {
    this.call.end(clientLeftError());
    return this.messages.return?.(value) ?? Promise.resolve({ done: true, value });
  }

  throw(error: unknown): Promise<IteratorResult<T>> {
    this.call.end(asConnectError(error));
    return this.messages.throw?.(error) ?? Promise.reject(error);
  }

  private readonly onResult = (result: IteratorResult<T>) => {
    if (result.done) {
      this.call.end(undefined);
    } else {
      this.call.sent++;
    }
    return result;
  };

  private readonly onError = (reason: unknown) => {
    const error = asConnectError(reason);
    this.call.end(error);
    throw error;
  };
}
