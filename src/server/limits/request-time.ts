import type { ConnectError } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { isEnd } from "../util/chunk-result.js";
import type { Limits } from "./limits.js";
import { type Upload, type UploadEnd, UploadTimeouts } from "./upload-timeouts.js";

/** Limits the time of requests of calls that take one message, which must be complete in time. */
export function createRequests({ requestTimeoutMs, onRefused }: Limits): UploadTimeouts {
  return new UploadTimeouts({
    firstMs: requestTimeoutMs,
    nextMs: 0,
    firstName: "request_time",
    nextName: "request_time",
    onRefused,
  });
}

/**
 * The same handler, but a request's body ends with an error if it takes too long. Not for posting
 * streams, which limit the time of each message where it is read.
 */
export function withRequestTime(
  handler: UniversalHandler,
  uploads: UploadTimeouts,
): UniversalHandler {
  const { methodKind } = handler.method;
  const counts = methodKind === "client_streaming" || methodKind === "bidi_streaming";
  const timed = (request: UniversalServerRequest) =>
    Symbol.asyncIterator in (request.body as object)
      ? handler({
          ...request,
          signal: request.signal, // It may be created lazily.
          body: new TimedBody(request.body as AsyncIterable<Uint8Array>, uploads, counts),
        })
      : handler(request);
  return Object.assign(timed, handler);
}

/** A body that must be complete in time. */
export function timedBody(
  body: AsyncIterable<Uint8Array>,
  requests: UploadTimeouts,
): AsyncIterable<Uint8Array> {
  return new TimedBody(body, requests, false);
}

/** A body that is timed from when it is first requested until it ends. */
class TimedBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array>, UploadEnd {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #upload: Upload | undefined;
  #fault: { readonly reason: ConnectError } | undefined;
  #reject = (_reason: ConnectError) => {};
  readonly #uploads: UploadTimeouts;
  /** Whether each chunk counts, or only the whole. */
  readonly #counts: boolean;

  constructor(body: AsyncIterable<Uint8Array>, uploads: UploadTimeouts, counts: boolean) {
    this.#uploads = uploads;
    this.#counts = counts;

    this.#iterator = body[Symbol.asyncIterator]();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#fault) {
      return Promise.reject(this.#fault.reason);
    }
    this.#upload ??= this.#uploads.enter(this);
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#iterator.next().then(
        (result) => {
          if (isEnd(result)) {
            this.#leave();
          } else if (this.#counts) {
            this.#upload!.taken++;
          }
          resolve(result);
        },
        (error) => {
          this.#leave();
          reject(error);
        },
      );
    });
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#leave();
    return (await this.#iterator.return?.()) ?? { done: true, value: undefined };
  }

  abort(reason: ConnectError): void {
    this.#fault = { reason };
    this.#reject(reason);
    this.#iterator.return?.()?.catch(() => {}); // The call ends with the reason.
  }

  #leave(): void {
    if (this.#upload) {
      this.#uploads.leave(this.#upload);
    }
  }
}
