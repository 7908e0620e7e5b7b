import { type ConnectError, createContextValues, type Interceptor } from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { mapResults } from "../../../async/map-results.js";
import { chatterHeader, chatterHeaderValue } from "../../../protocol/headers.js";
import { peerAddressKey } from "../../net/peer-address.js";
import { passthroughWire } from "../passthrough/stream-io.js";
import { Call, type CallObserver, callKey, type MessageCount } from "./call.js";
import { type CallProtocol, requestIdHeader, requestIdOf, wireProtocol } from "./context.js";
import { asConnectError, clientLeft } from "./errors.js";
import { type CallLifetime, lifetimeKey } from "./lifetime.js";
import { answerRefused } from "./refused-call.js";
import { requestWith } from "./request.js";

/**
 * The same handler, but its calls can be observed: each has a {@link Call} in its context values,
 * and its id in the response header, beside the header that marks answers of Chatter.
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
    let response: UniversalServerResponse;
    try {
      values.set(callKey, call);
      response = await handler(
        request.contextValues ? request : requestWith(request, { contextValues: values }),
      );
    } catch (reason) {
      // The wire is reset, because there is no answer. The call is observed all the same.
      if (!call.hasBegun) {
        call.begin(request.header);
      }
      call.end(asConnectError(reason));
      throw reason;
    }
    const header = response.header ?? new Headers();
    header.set(requestIdHeader, call.requestId);
    header.set(chatterHeader, chatterHeaderValue);
    // A call that Connect refuses before its interceptors is observed too, if it speaks a protocol
    // at all.
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
 * Begins and ends each {@link Call}, and counts its messages if they go through Connect; encoded
 * ones are counted where they are made and split. It must be the first interceptor. The peer sees
 * any error that is not a ConnectError as "internal error".
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
      const wire = request.contextValues.get(passthroughWire);
      const counted = wire?.countsReceived
        ? request
        : { ...request, message: countReceived(request.message, call) };
      const response = await call.run(() => next(counted));
      if (!response.stream) {
        return response; // Connect does not mix the two.
      }
      const lifetime = request.contextValues.get(lifetimeKey);
      const messages = response.message[Symbol.asyncIterator]();
      return { ...response, message: new Watched(messages, call, lifetime) };
    } catch (reason) {
      const error = asConnectError(reason);
      call.end(error);
      throw error;
    }
  };
}

/** The same messages, counted. */
function countReceived<T>(messages: AsyncIterable<T>, count: MessageCount): AsyncIterable<T> {
  return mapResults(messages, (result) => {
    if (!result.done) {
      count.received++;
    }
    return result;
  });
}

/**
 * The same messages, counted, each produced as the observers require, until the call's lifetime
 * cuts them. The call and its lifetime end with them. Not a generator: that would hold a KiB for
 * each of the calls that last for days.
 */
class Watched<T> implements AsyncIterableIterator<T> {
  readonly #messages: AsyncIterator<T>;
  readonly #call: Call;
  /** Undefined: the call was answered before it had one. */
  readonly #lifetime: CallLifetime | undefined;

  constructor(messages: AsyncIterator<T>, call: Call, lifetime: CallLifetime | undefined) {
    this.#messages = messages;
    this.#call = call;
    this.#lifetime = lifetime;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T>> {
    const next = this.#call.run(() => this.#messages.next());
    return (this.#lifetime?.untilCut(next) ?? next).then(
      (result) => {
        if (result.done) {
          this.#end(undefined);
        } else {
          this.#call.sent++;
        }
        return result;
      },
      (reason: unknown) => {
        const error = asConnectError(reason);
        this.#end(error);
        throw error;
      },
    );
  }

  /** Nobody takes the rest. */
  return(value?: unknown): Promise<IteratorResult<T>> {
    this.#end(clientLeft());
    return this.#messages.return?.(value) ?? Promise.resolve({ done: true, value });
  }

  throw(error: unknown): Promise<IteratorResult<T>> {
    this.#end(asConnectError(error));
    return this.#messages.throw?.(error) ?? Promise.reject(error);
  }

  #end(error: ConnectError | undefined): void {
    this.#lifetime?.end();
    this.#call.end(error);
  }
}
