import type { ContextKey, ContextValues } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import type { LazyAbort } from "../../../async/lazy-abort.js";

/** A request as Chatter's protocols pass it on: its signal is created when it is first used. */
export class WireRequest implements UniversalServerRequest {
  readonly #abort: LazyAbort;

  constructor(
    readonly httpVersion: string,
    readonly method: string,
    readonly url: string,
    readonly header: Headers,
    readonly body: UniversalServerRequest["body"],
    readonly contextValues: ContextValues,
    abort: LazyAbort,
  ) {
    this.#abort = abort;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The same request with some fields replaced. */
  with(changes: RequestChanges): WireRequest {
    return new WireRequest(
      this.httpVersion,
      this.method,
      changes.url ?? this.url,
      changes.header ?? this.header,
      changes.body ?? this.body,
      changes.contextValues ?? this.contextValues,
      this.#abort,
    );
  }
}

/** What is replaced in a request on its way to a method. */
type RequestChanges = Partial<
  Pick<UniversalServerRequest, "url" | "header" | "body" | "contextValues">
>;

/**
 * The same request with some fields replaced. Spreading a request would lose a signal that is not
 * created yet.
 */
export function requestWith(
  request: UniversalServerRequest,
  changes: RequestChanges,
): UniversalServerRequest {
  return request instanceof WireRequest
    ? request.with(changes)
    : { ...request, signal: request.signal, ...changes };
}

/** Connect's context values, cheaper: Connect's own have new functions for each call. */
export class CallValues implements ContextValues {
  [id: symbol]: unknown;

  get<T>(key: ContextKey<T>): T {
    return key.id in this ? (this[key.id] as T) : key.defaultValue;
  }

  set<T>(key: ContextKey<T>, value: T): this {
    this[key.id] = value;
    return this;
  }

  delete(key: ContextKey<unknown>): this {
    delete this[key.id];
    return this;
  }
}
