import type { ConnectError } from "@connectrpc/connect";
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
 * A body that must be complete in time.
 *
 * @param counts whether each chunk counts, so that only silence is limited. Default: false
 */
export function timedBody(
  body: AsyncIterable<Uint8Array>,
  uploads: UploadTimeouts,
  counts = false,
): AsyncIterable<Uint8Array> {
  return new TimedBody(body, uploads, counts);
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
