import { type ContextValues, createContextValues } from "@connectrpc/connect";
import {
  createAsyncIterable,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { unreadKey } from "../call/context.js";
import { clientLeft } from "../call/errors.js";
import { requestWith } from "../call/request.js";
import type { DirectRead } from "./direct-read.js";
import { wholeEnvelopes } from "./requests.js";
import { passthroughWire } from "./stream-io.js";

/** Which path the messages of a call took. */
export type MessagePath = "passthrough" | "decoded";

export interface PassthroughOptions {
  /** Maximum size of one message that a client sends, in bytes. */
  readonly maxMessageBytes: number;
  /** Called with the path that the messages of each call take. */
  readonly onCall?: ((path: MessagePath) => void) | undefined;
  /** Takes the calls that can bypass Connect; see `createDirectReads`. */
  readonly direct?: DirectRead | undefined;
}

/**
 * Wraps a streaming handler so that its headers are sent when the method accepts the call, and its
 * encoded messages verbatim.
 */
export function withPassthrough(
  handler: UniversalHandler,
  { maxMessageBytes, onCall, direct }: PassthroughOptions,
): UniversalHandler {
  if (handler.method.methodKind === "unary") {
    return handler;
  }
  const takesStream = handler.method.methodKind !== "server_streaming";
  async function passthroughHandler(
    request: UniversalServerRequest,
  ): Promise<UniversalServerResponse> {
    const answer = direct?.(request);
    const path = answer ? "passthrough" : messagePathOf(request, takesStream);
    onCall?.(path);
    if (answer) {
      return answer;
    }
    const body = request.body as AsyncIterable<Uint8Array>;
    const call = new PassthroughCall(
      body,
      wholeEnvelopes(body, maxMessageBytes, request.contextValues?.get(unreadKey)),
      maxMessageBytes,
    );
    const inner = handler(
      requestWith(request, {
        body: call.innerBody,
        contextValues: call.offer(path, request.contextValues),
      }),
    );
    inner.catch(() => {}); // It is awaited below, but not before the first output.
    const header = await Promise.race([call.accepted, inner.then(() => undefined)]);
    if (header === undefined) {
      return inner;
    }
    const trailer = new Headers();
    return { status: 200, header, body: call.body(inner, trailer), trailer };
  }
  return Object.assign(passthroughHandler, handler);
}

/** JSON must be encoded, and compressed requests decoded, message by message. */
function messagePathOf({ header }: UniversalServerRequest, takesStream: boolean): MessagePath {
  if (/[+/]json\b/.test(header.get("content-type") ?? "")) {
    return "decoded";
  }
  if (takesStream) {
    const compression = header.get("grpc-encoding") ?? header.get("connect-content-encoding");
    if (compression !== null && compression !== "identity") {
      return "decoded";
    }
  }
  return "passthrough";
}

class PassthroughCall {
  readonly accepted: Promise<Headers>;
  #accept!: (header: Headers) => void;
  readonly #sent: Promise<Sending>;
  #hand!: (sending: Sending) => void;

  #taken = false;
  readonly #requestBody: AsyncIterable<Uint8Array>;
  /** The same for Connect's pipeline. */
  readonly #wholeEnvelopes: AsyncIterable<Uint8Array>;
  readonly #maxMessageBytes: number;

  constructor(
    requestBody: AsyncIterable<Uint8Array>,
    wholeEnvelopes: AsyncIterable<Uint8Array>,
    maxMessageBytes: number,
  ) {
    this.#requestBody = requestBody;
    this.#wholeEnvelopes = wholeEnvelopes;
    this.#maxMessageBytes = maxMessageBytes;

    this.accepted = new Promise((resolve) => {
      this.#accept = resolve;
    });
    this.#sent = new Promise((resolve) => {
      this.#hand = resolve;
    });
  }

  /** The request's body for Connect: nothing, once the method has taken it. */
  readonly innerBody: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () =>
      (this.#taken ? createAsyncIterable<Uint8Array>([]) : this.#wholeEnvelopes)[
        Symbol.asyncIterator
      ](),
  };

  offer(path: MessagePath, values: ContextValues = createContextValues()): ContextValues {
    const send = (envelopes: AsyncIterable<Uint8Array>) =>
      new Promise<void>((resolve, reject) => this.#hand({ envelopes, resolve, reject }));
    const takeBody = () => {
      this.#taken = true;
      return this.#requestBody;
    };
    return values.set(passthroughWire, {
      accept: this.#accept,
      send: path === "passthrough" ? send : undefined,
      takeBody: path === "passthrough" ? takeBody : undefined,
      maxMessageBytes: this.#maxMessageBytes,
    });
  }

  body(inner: Promise<UniversalServerResponse>, trailer: Headers): AsyncIterable<Uint8Array> {
    return new PassthroughBody(this.#sent, inner, trailer);
  }
}

/**
 * The body of an encoded response: the method's envelopes, then the end from the inner handler. The
 * envelopes are passed on without a generator, which would cost more than they do.
 */
class PassthroughBody implements AsyncIterableIterator<Uint8Array> {
  #started = false;
  #ended = false;
  #sending: { readonly to: Sending; readonly batches: AsyncIterator<Uint8Array> } | undefined;
  #rest: AsyncGenerator<Uint8Array> | undefined;
  readonly #sent: Promise<Sending>;
  /** The end of the body. */
  readonly #inner: Promise<UniversalServerResponse>;
  readonly #trailer: Headers;

  constructor(sent: Promise<Sending>, inner: Promise<UniversalServerResponse>, trailer: Headers) {
    this.#sent = sent;
    this.#inner = inner;
    this.#trailer = trailer;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#sending) {
      return this.#sending.batches.next().then(this.#onBatch, this.#onFault);
    }
    if (this.#rest) {
      return this.#rest.next();
    }
    if (this.#started) {
      return this.#begin();
    }
    this.#started = true;
    // Adapters send the headers with the first chunk, so the first chunk is available at once.
    return Promise.resolve({ done: false, value: new Uint8Array(0) });
  }

  /** The wire is gone, or has everything: nobody takes what follows. */
  async return(): Promise<IteratorResult<Uint8Array>> {
    const sending = this.#sending;
    this.#sending = undefined;
    this.#rest ??= this.#end();
    if (sending) {
      sending.to.reject(clientLeft());
      await sending.batches.return?.();
    }
    await this.#rest.return(undefined);
    if (!this.#ended) {
      release(this.#inner);
    }
    return { done: true, value: undefined };
  }

  async #begin(): Promise<IteratorResult<Uint8Array>> {
    const to = await Promise.race([this.#sent, this.#inner.then(() => undefined)]);
    if (to) {
      this.#sending = { to, batches: to.envelopes[Symbol.asyncIterator]() };
    } else {
      this.#rest = this.#end();
    }
    return this.next();
  }

  readonly #onBatch = (batch: IteratorResult<Uint8Array>) => {
    if (!batch.done) {
      return batch;
    }
    this.#sending?.to.resolve();
    return this.#goOn();
  };

  readonly #onFault = (error: unknown) => {
    this.#sending?.to.reject(error); // The method ends with it, and the rest reports that.
    return this.#goOn();
  };

  #goOn(): Promise<IteratorResult<Uint8Array>> {
    this.#sending = undefined;
    this.#rest ??= this.#end();
    return this.#rest.next();
  }

  async *#end(): AsyncGenerator<Uint8Array> {
    const response = await this.#inner;
    if (response.body) {
      yield* response.body;
    }
    for (const [name, value] of response.trailer ?? []) {
      this.#trailer.append(name, value);
    }
    this.#ended = true;
  }
}

/** Releases a response that nobody will read. */
function release(inner: Promise<UniversalServerResponse>): void {
  inner.then((response) => response.body?.[Symbol.asyncIterator]().return?.()).catch(() => {}); // The call's own log line has it.
}

interface Sending {
  readonly envelopes: AsyncIterable<Uint8Array>;
  resolve(): void;
  reject(error: unknown): void;
}
