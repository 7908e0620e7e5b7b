import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import {
  type ContextValues,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import {
  createAsyncIterable,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { Afterlife, afterlifeKey, clientLeftError } from "./afterlife.js";
import { callKey, type MessageCount } from "./call.js";
import { cutBeforeTooLong, parse, splitMessages } from "./encoded-requests.js";
import type { Ending } from "./endings.js";
import { decodeEnvelopes } from "./envelope.js";
import { asConnectError } from "./errors.js";

/*
 * Methods hand their answers over as runs of envelopes that were encoded once and are
 * shared by everybody who reads them. The binary wires send them as they are: the method
 * still runs inside Connect (interceptors, deadline, auth, errors, trailers), but the bytes
 * go past its pipeline, which costs more a message than everything else together. JSON
 * cannot use them: for it the same envelopes are decoded and take the ordinary way.
 */

/** What the wrapper of a handler offers to the method that runs inside. */
interface EncodedWire {
  /** Sends the response head now, with these headers. */
  accept(header: Headers): void;
  /**
   * Sends the envelopes after the head and resolves when the last one is on its way;
   * rejects with the error of the iterable. Undefined if the wire cannot take them.
   */
  readonly send: ((envelopes: AsyncIterable<Uint8Array>) => Promise<void>) | undefined;
  /**
   * Gives the request's body as it comes, in place of the messages that Connect would make
   * of it. Undefined if these are JSON or compressed.
   */
  readonly takeBody: (() => AsyncIterable<Uint8Array>) | undefined;
  /** Most bytes of one message of the body. */
  readonly maxMessageBytes: number;
}

const encodedWire = createContextKey<EncodedWire | undefined>(undefined, {
  description: "the wire that takes encoded messages",
});

/**
 * Sends the response head at once. A stream calls this when its start is settled and its
 * headers are set: what is not settled by then can only be said in the trailers.
 */
export function accept(context: Pick<HandlerContext, "values" | "responseHeader">): void {
  context.values.get(encodedWire)?.accept(context.responseHeader);
}

/**
 * Where a method counts the encoded messages that it answers with, batch by batch. What
 * takes the ordinary way is counted there, so here it counts for nothing.
 */
export function sentCount({ values }: Pick<HandlerContext, "values">): MessageCount {
  const call = values.get(encodedWire)?.send && values.get(callKey);
  return call ?? { received: 0, sent: 0 };
}

/**
 * Answers a call with encoded messages, which the method counts with {@link sentCount}: the
 * return value of a streaming method.
 *
 * @param envelopes runs of whole envelopes, flags 0
 */
export async function* respond<Desc extends DescMessage>(
  context: HandlerContext,
  schema: Desc,
  envelopes: AsyncIterable<Uint8Array>,
): AsyncGenerator<MessageShape<Desc>> {
  accept(context);
  const send = context.values.get(encodedWire)?.send;
  const afterlife = context.values.get(afterlifeKey);
  if (send && afterlife) {
    afterlife.begin(context.timeoutMs());
    send(envelopes).catch(() => {}); // It ends the afterlife, which tells everybody.
    return;
  }
  if (send) {
    await send(envelopes);
    return;
  }
  for await (const run of envelopes) {
    yield* decodeEnvelopes(schema, run);
  }
}

/**
 * Takes the messages of a client stream, as many at a time as one chunk of the body has.
 *
 * @param decode reads one message; null for what it does not know, which is then left to
 *   the generated schema
 */
export async function* receive<Desc extends DescMessage, Fast>(
  context: HandlerContext,
  requests: AsyncIterable<MessageShape<Desc>>,
  schema: Desc,
  decode: (bytes: Uint8Array) => Fast | null,
): AsyncGenerator<readonly (Fast | MessageShape<Desc>)[]> {
  const wire = context.values.get(encodedWire);
  const body = wire?.takeBody?.();
  // If the body was taken there are none, but what Connect has against the head is thrown.
  for await (const request of requests) {
    yield [request];
  }
  if (wire && body) {
    yield* splitMessages(
      body,
      wire.maxMessageBytes,
      context.protocolName,
      (bytes) => decode(bytes) ?? parse(schema, bytes),
      context.values.get(callKey),
    );
  }
}

/** Which way the messages of a call took. */
export type Way = "encoded" | "ordinary";

export interface EncodedStreamOptions {
  /** Most bytes of one message that a client sends. */
  readonly maxMessageBytes: number;
  /** Told which way the messages of each call take. */
  readonly onCall?: ((way: Way) => void) | undefined;
  /** Lets the calls have an {@link Afterlife}, and makes what they end with. */
  readonly ending?: Ending | undefined;
}

/**
 * Wraps a streaming handler so that its head goes out when the method accepts the call,
 * and its encoded messages as they are.
 */
export function withEncodedStream(
  handler: UniversalHandler,
  { maxMessageBytes, onCall, ending }: EncodedStreamOptions,
): UniversalHandler {
  if (handler.method.methodKind === "unary") {
    return handler;
  }
  const takesStream = handler.method.methodKind !== "server_streaming";
  async function encodedStreamHandler(
    request: UniversalServerRequest,
  ): Promise<UniversalServerResponse> {
    const way = wayOf(request, takesStream);
    onCall?.(way);
    const body = request.body as AsyncIterable<Uint8Array>;
    const call = new EncodedCall(
      way === "ordinary" ? cutBeforeTooLong(body, maxMessageBytes) : body,
      way === "encoded" && ending ? new Afterlife(request.signal) : undefined,
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
    const endBy = ending && endingOf(request, ending);
    return { status: 200, header, body: call.body(inner, trailer, endBy), trailer };
  }
  return Object.assign(encodedStreamHandler, handler);
}

/** The ending of a request, of which next to nothing is held. */
function endingOf({ httpVersion, method, url, header }: UniversalServerRequest, ending: Ending) {
  const contentType = header.get("content-type") ?? "";
  return (error: unknown) => {
    const head = { "content-type": contentType };
    return ending({ httpVersion, method, url, header: new Headers(head) }, error);
  };
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
    private readonly afterlife: Afterlife | undefined,
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
    return values.set(afterlifeKey, this.afterlife).set(encodedWire, {
      accept: this.accept,
      send: way === "encoded" ? send : undefined,
      takeBody: way === "encoded" ? takeBody : undefined,
      maxMessageBytes: this.maxMessageBytes,
    });
  }

  body(
    inner: Promise<UniversalServerResponse>,
    trailer: Headers,
    endBy: EndBy | undefined,
  ): AsyncIterable<Uint8Array> {
    return new EncodedBody(this.sent, inner, trailer, this.afterlife, endBy);
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
    /** What the body ends with; dropped as soon as an afterlife has begun. */
    private inner: Promise<UniversalServerResponse>,
    private readonly trailer: Headers,
    private readonly afterlife: Afterlife | undefined,
    private readonly endBy: EndBy | undefined,
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
    this.afterlife?.end(clientLeftError());
    if (sending) {
      sending.to.resolve();
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
      if (this.afterlife?.begun) {
        release(this.inner);
        this.inner = noResponse;
      }
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
    return this.goOn(undefined);
  };

  private readonly onFault = (error: unknown) => {
    this.sending?.to.reject(error); // The method ends with it, and the rest says so.
    return this.goOn(error);
  };

  private goOn(error: unknown): Promise<IteratorResult<Uint8Array>> {
    this.sending = undefined;
    if (this.afterlife?.begun && this.endBy) {
      const reason = error === undefined ? undefined : asConnectError(error);
      this.afterlife.end(reason);
      this.inner = this.endBy(reason);
    }
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

type EndBy = (error: unknown) => Promise<UniversalServerResponse>;

/** In place of a response that was let go of. */
const noResponse = Promise.resolve<UniversalServerResponse>({ status: 200 });

/** Lets go of a response that nobody will read. */
function release(inner: Promise<UniversalServerResponse>): void {
  inner.then((response) => response.body?.[Symbol.asyncIterator]().return?.()).catch(() => {}); // The call's own log line has told it.
}

interface Sending {
  readonly envelopes: AsyncIterable<Uint8Array>;
  resolve(): void;
  reject(error: unknown): void;
}
