import type { ConnectError } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import type { Limits } from "./limits.js";
import { type Upload, type UploadEnd, Uploads } from "./uploads.js";

/** Looks after the requests of calls that take one message, which has to be whole in time. */
export function createRequests({ requestTimeoutMs, onRefused }: Limits): Uploads {
  return new Uploads({
    firstMs: requestTimeoutMs,
    nextMs: 0,
    firstName: "request_time",
    nextName: "request_time",
    onRefused,
  });
}

/**
 * The same handler, whose requests' bodies end with an error if they take too long. Not for
 * posting streams: their time is looked after where their messages are taken.
 */
export function withRequestTime(handler: UniversalHandler, uploads: Uploads): UniversalHandler {
  const { methodKind } = handler.method;
  const counts = methodKind === "client_streaming" || methodKind === "bidi_streaming";
  const timed = (request: UniversalServerRequest) =>
    Symbol.asyncIterator in (request.body as object)
      ? handler({
          ...request,
          body: new TimedBody(request.body as AsyncIterable<Uint8Array>, uploads, counts),
        })
      : handler(request);
  return Object.assign(timed, handler);
}

/** A body that is looked after from when it is first asked for until it ends. */
class TimedBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array>, UploadEnd {
  private readonly iterator: AsyncIterator<Uint8Array>;
  private upload: Upload | undefined;
  private fault: { readonly reason: ConnectError } | undefined;
  private reject = (_reason: ConnectError) => {};

  constructor(
    body: AsyncIterable<Uint8Array>,
    private readonly uploads: Uploads,
    /** Whether each piece counts, or the whole alone. */
    private readonly counts: boolean,
  ) {
    this.iterator = body[Symbol.asyncIterator]();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    if (this.fault) {
      return Promise.reject(this.fault.reason);
    }
    this.upload ??= this.uploads.enter(this);
    return new Promise((resolve, reject) => {
      this.reject = reject;
      this.iterator.next().then(
        (result) => {
          if (result.done) {
            this.leave();
          } else if (this.counts) {
            this.upload!.taken++;
          }
          resolve(result);
        },
        (error) => {
          this.leave();
          reject(error);
        },
      );
    });
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.leave();
    return (await this.iterator.return?.()) ?? { done: true, value: undefined };
  }

  abort(reason: ConnectError): void {
    this.fault = { reason };
    this.reject(reason);
    this.iterator.return?.()?.catch(() => {}); // The call ends with the reason.
  }

  private leave(): void {
    if (this.upload) {
      this.uploads.leave(this.upload);
    }
  }
}
