import { type ContextValues, createContextValues } from "@connectrpc/connect";
import {
  createAsyncIterable,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import type { DirectRead } from "./direct-read.js";
import { cutBeforeTooLong } from "./encoded-requests.js";
import { encodedWire } from "./encoded-wire.js";
import { clientLeftError } from "./errors.js";

/** Which way the messages of a call took. */
export type Way = "encoded" | "ordinary";

export interface EncodedStreamOptions {
  /** Most bytes of one message that a client sends. */
  readonly maxMessageBytes: number;
  /** Told which way the messages of each call take. */
  readonly onCall?: ((way: Way) => void) | undefined;
  /** Takes what calls it can past Connect; see `createDirectReads`. */
  readonly direct?: DirectRead | undefined;
}

/**
 * Wraps a streaming handler so that its head goes out when the method accepts the call,
 * and its encoded messages as they are.
 */
export function withEncodedStream(
  handler: UniversalHandler,
  { maxMessageBytes, onCall, direct }: EncodedStreamOptions,
): UniversalHandler {
  if (handler.method.methodKind === "unary") {
    return handler;
  }
  const takesStream = handler.method.methodKind !== "server_streaming";
  async function encodedStreamHandler(
    request: UniversalServerRequest,
  ): Promise<UniversalServerResponse> {
    const answer = direct?.(request);
    const way = answer ? "encoded" : wayOf(request, takesStream);
    onCall?.(way);
    if (answer) {
      return answer;
    }
    const body = request.body as AsyncIterable<Uint8Array>;
    const call = new EncodedCall(
      way === "ordinary" ? cutBeforeTooLong(body, maxMessageBytes) : body,
      maxMessageBytes,
    );
    const inner = handler({
      ...request,
      body: call.innerBody,
      contextValues: call.offer(way, request.contextValues),
    });
    inner.catch(() => {}); // It is awaited below, but not before the first output.
    const header = await Promise.race([call.accepted, inner.then(() => undefined)]);
    if (header === undefined) {
      return inner;
    }
    const trailer = new Headers();
    return { status: 200, header, body: call.body(inner, trailer), trailer };
  }
  return Object.assign(encodedStreamHandler, handler);
}

/** JSON has to be made, and compressed requests to be read, message by message. */
function wayOf({ header }: UniversalServerRequest, takesStream: boolean): Way {
  if (/[+/]json\b/.test(header.get("content-type") ?? "")) {
    return "ordinary";
  }
  if (takesStream) {
    const compression = header.get("grpc-encoding") ?? header.get("connect-content-encoding");
    if (compression !== null && compression !== "identity") {
      return "ordinary";
    }
  }
  return "encoded";
}

class EncodedCall {
  readonly accepted: Promise<Headers>;
  private accept!: (header: Headers) => void;
  private readonly sent: Promise<Sending>;
  private hand!: (sending: Sending) => void;

  private taken = false;

  constructor(
    private readonly requestBody: AsyncIterable<Uint8Array>,
    private readonly maxMessageBytes: number,
  ) {
    this.accepted = new Promise((resolve) => {
      this.accept = resolve;
    });
    this.sent = new Promise((resolve) => {
      this.hand = resolve;
    });
  }

  /** The request's body for Connect: nothing, once the method has taken it. */
  readonly innerBody: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () =>
      (this.taken ? createAsyncIterable<Uint8Array>([]) : this.requestBody)[Symbol.asyncIterator](),
  };

  offer(way: Way, values: ContextValues = createContextValues()): ContextValues {
    const send = (envelopes: AsyncIterable<Uint8Array>) =>
      new Promise<void>((resolve, reject) => this.hand({ envelopes, resolve, reject }));
    const takeBody = () => {
      this.taken = true;
      return this.requestBody;
    };
    return values.set(encodedWire, {
      accept: this.accept,
      send: way === "encoded" ? send : undefined,
      takeBody: way === "encoded" ? takeBody : undefined,
      maxMessageBytes: this.maxMessageBytes,
    });
  }

  body(inner: Promise<UniversalServerResponse>, trailer: Headers): AsyncIterable<Uint8Array> {
    return new EncodedBody(this.sent, inner, trailer);
  }
}

/**
 * The body of an encoded response: the method's envelopes, then what the inner handler ends
 * with. The envelopes go through without a generator, which would cost more than they do.
 */
class EncodedBody implements AsyncIterableIterator<Uint8Array> {
  private started = false;
  private ended = false;
  private sending: { readonly to: Sending; readonly runs: AsyncIterator<Uint8Array> } | undefined;
  private rest: AsyncGenerator<Uint8Array> | undefined;

  constructor(
    private readonly sent: Promise<Sending>,
    /** What the body ends with. */
    private readonly inner: Promise<UniversalServerResponse>,
    private readonly trailer: Headers,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    if (this.sending) {
      return this.sending.runs.next().then(this.onRun, this.onFault);
    }
    if (this.rest) {
      return this.rest.next();
    }
    if (this.started) {
      return this.begin();
    }
    this.started = true;
    // Adapters send the head with the first chunk, so the first chunk is one at once.
    return Promise.resolve({ done: false, value: new Uint8Array(0) });
  }

  /** The wire is gone, or has all: nobody takes what follows. */
  async return(): Promise<IteratorResult<Uint8Array>> {
    const { sending } = this;
    this.sending = undefined;
    this.rest ??= this.end();
    if (sending) {
      sending.to.reject(clientLeftError());
      await sending.runs.return?.();
    }
    await this.rest.return(undefined);
    if (!this.ended) {
      release(this.inner);
    }
    return { done: true, value: undefined };
  }

  private async begin(): Promise<IteratorResult<Uint8Array>> {
    const to = await Promise.race([this.sent, this.inner.then(() => undefined)]);
    if (to) {
      this.sending = { to, runs: to.envelopes[Symbol.asyncIterator]() };
    } else {
      this.rest = this.end();
    }
    return this.next();
  }

  private readonly onRun = (run: IteratorResult<Uint8Array>) => {
    if (!run.done) {
      return run;
    }
    this.sending?.to.resolve();
    return this.goOn();
  };

  private readonly onFault = (error: unknown) => {
    this.sending?.to.reject(error); // The method ends with it, and the rest says so.
    return this.goOn();
  };

  private goOn(): Promise<IteratorResult<Uint8Array>> {
    this.sending = undefined;
    this.rest ??= this.end();
    return this.rest.next();
  }

  private async *end(): AsyncGenerator<Uint8Array> {
    const response = await this.inner;
    if (response.body) {
      yield* response.body;
    }
    for (const [name, value] of response.trailer ?? []) {
      this.trailer.append(name, value);
    }
    this.ended = true;
  }
}

/** Lets go of a response that nobody will read. */
function release(inner: Promise<UniversalServerResponse>): void {
  inner.then((response) => response.body?.[Symbol.asyncIterator]().return?.()).catch(() => {}); // The call's own log line has told it.
}

interface Sending {
  readonly envelopes: AsyncIterable<Uint8Array>;
  resolve(): void;
  reject(error: unknown): void;
}
