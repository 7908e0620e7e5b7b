import type { DescMessage, DescMethodServerStreaming } from "@bufbuild/protobuf";
import type {
  ConnectRouterOptions,
  ContextValues,
  HandlerContext,
  Interceptor,
  MethodImpl,
  ServiceImpl,
  StreamRequest,
  StreamResponse,
} from "@connectrpc/connect";
import {
  type Compression,
  compressionNegotiate,
  createMethodUrl,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { ChatterService } from "../../../gen/chatter_pb.js";
import { LazyHeaders } from "../../util/lazy-headers.js";
import { callKey } from "../call/call.js";
import { abortKey, abortSourceKey, deadlineKey, unreadKey, wireKey } from "../call/context.js";
import { createEnding, type Ending } from "../call/end-response.js";
import { wrongMessageCount } from "../call/errors.js";
import { CallValues } from "../call/request.js";
import { DirectReadBody } from "./direct-read-body.js";
import { parseRequestHead, type RequestHead } from "./request-head.js";
import { parse, splitMessages } from "./requests.js";
import { passthroughWire } from "./stream-io.js";

/*
 * A call that reads may last for days, and there may be tens of thousands of them. Inside Connect
 * each holds its pipeline of some twenty generators: without it, an idle subscriber takes a third
 * less memory. So the calls of the binary wires run here, with the same interceptors and the same
 * method; Connect makes only their ends.
 */

/** Answers a call, or returns undefined if Connect must: it is JSON, compressed, or faulty. */
export type DirectRead = (
  request: UniversalServerRequest,
) => Promise<UniversalServerResponse> | undefined;

/** A method that reads, with everything that its calls go through. */
interface Read<Method extends DescMethodServerStreaming> {
  readonly method: Method;
  readonly implementation: MethodImpl<Method>;
  readonly interceptors: readonly Interceptor[];
  readonly compressions: Compression[];
  readonly maxMessageBytes: number;
  readonly ending: Ending;
  /** Whether foreign code sees the calls, and may spread the request and the context. */
  readonly seenByOthers: boolean;
}

/**
 * The methods that read, for calls that do not need Connect's pipeline, by the paths of the
 * methods.
 *
 * @param implementations answer by `respondCounted`
 * @param options those of the router that has them too
 * @param seenByOthers whether there are interceptors of other programs
 */
export function createDirectReads(
  implementations: Required<Pick<ServiceImpl<typeof ChatterService>, "subscribe" | "history">>,
  options: ConnectRouterOptions,
  seenByOthers: boolean,
): ReadonlyMap<string, DirectRead> {
  const { interceptors = [], acceptCompression: compressions = [] } = options;
  const { readMaxBytes: maxMessageBytes = 0, maxTimeoutMs = Number.MAX_SAFE_INTEGER } = options;
  const directRead = <Method extends DescMethodServerStreaming>(
    method: Method,
    implementation: MethodImpl<Method>,
  ): [string, DirectRead] => {
    const ending = createEnding(method, options);
    const read = {
      ...{ method, implementation, interceptors, compressions, maxMessageBytes, ending },
      seenByOthers,
    };
    return [
      createMethodUrl("/", method),
      (request) => {
        const head = parseRequestHead(request, maxTimeoutMs);
        return head && answer(read, request, head);
      },
    ];
  };
  return new Map([
    directRead(ChatterService.method.subscribe, implementations.subscribe),
    directRead(ChatterService.method.history, implementations.history),
  ]);
}

async function answer<Method extends DescMethodServerStreaming>(
  read: Read<Method>,
  request: UniversalServerRequest,
  head: RequestHead,
): Promise<UniversalServerResponse> {
  const { method, ending, compressions, maxMessageBytes } = read;
  const header = responseHeader(compressions, request, head);
  const trailer = new LazyHeaders();
  const metadata = { header, trailer };
  const body = new DirectReadBody(
    method.output,
    ending,
    head.contentType,
    maxMessageBytes,
    metadata,
  );
  const accepted = body.follow(invoke(read, request, head, { header, trailer, body }));
  return (await accepted) ? { status: 200, header, body, trailer } : body.ended;
}

/** Runs the interceptors, the innermost of which calls the method. */
function invoke<Method extends DescMethodServerStreaming>(
  { method, implementation, interceptors, maxMessageBytes, seenByOthers }: Read<Method>,
  request: UniversalServerRequest,
  { protocolName, timeoutMs }: RequestHead,
  answer: { header: Headers; trailer: Headers; body: DirectReadBody<Method["output"]> },
): Promise<StreamResponse> {
  const { contextValues = new CallValues() } = request;
  if (timeoutMs !== undefined) {
    contextValues.set(deadlineKey, performance.now() + timeoutMs);
  }
  const deadline = contextValues.get(deadlineKey);
  contextValues.set(passthroughWire, answer.body);
  const abort = contextValues.get(wireKey)?.abort;
  contextValues.set(abortKey, abort);
  contextValues.set(abortSourceKey, seenByOthers ? undefined : abort);

  async function call(inner: StreamRequest): Promise<StreamResponse> {
    const context = new ReadContext(inner, protocolName, deadline, answer);
    const given = seenByOthers ? { ...context, signal: context.signal } : context;
    const message = implementation((await single(inner.message)) as never, given);
    const { header, trailer } = answer;
    return { stream: true, service: method.parent, method, header, trailer, message } as never;
  }
  const next = interceptors.reduceRight<typeof call>(
    (inner, interceptor) => interceptor(inner as never) as never,
    call,
  );
  const messages = splitMessages(
    request.body as AsyncIterable<Uint8Array>,
    (bytes) => parse<DescMessage>(method.input, bytes),
    {
      maxBytes: maxMessageBytes,
      protocolName,
      count: contextValues.get(callKey),
      unread: contextValues.get(unreadKey),
    },
  );
  const called = new ReadRequest(method, request, contextValues, new OneByOne(messages));
  return next((seenByOthers ? { ...called, signal: called.signal } : called) as StreamRequest);
}

/** Request and context create the signal when it is first used. */
class ReadRequest {
  readonly stream = true;
  readonly service;
  readonly requestMethod = "POST";
  readonly url;
  readonly header;
  readonly #request: UniversalServerRequest;

  constructor(
    readonly method: DescMethodServerStreaming,
    request: UniversalServerRequest,
    readonly contextValues: ContextValues,
    readonly message: AsyncIterable<unknown>,
  ) {
    this.service = method.parent;
    this.url = request.url;
    this.header = request.header;
    this.#request = request;
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }
}

class ReadContext implements HandlerContext {
  readonly service;
  readonly method;
  readonly requestMethod = "POST";
  readonly url;
  readonly values;
  readonly requestHeader;
  readonly responseHeader;
  readonly responseTrailer;
  readonly timeoutMs: () => number | undefined;
  readonly #request: StreamRequest;

  constructor(
    request: StreamRequest,
    readonly protocolName: string,
    deadline: number | undefined,
    { header, trailer }: { readonly header: Headers; readonly trailer: Headers },
  ) {
    this.service = request.service;
    this.method = request.method;
    this.url = request.url;
    this.values = request.contextValues;
    this.requestHeader = request.header;
    this.responseHeader = header;
    this.responseTrailer = trailer;
    this.timeoutMs = () => (deadline === undefined ? undefined : deadline - performance.now());
    this.#request = request;
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }
}

/** The headers that Connect would send. The compression that it offers is not used. */
function responseHeader(
  compressions: Compression[],
  request: UniversalServerRequest,
  head: RequestHead,
): Headers {
  const header = new LazyHeaders({ "content-type": head.contentType });
  const name = head.acceptEncodingHeader;
  const { response } = compressionNegotiate(compressions, null, request.header.get(name), name);
  if (response) {
    header.set(head.encodingHeader, response.name);
  }
  return header;
}

/** Batches of items, one by one. It is no generator, which would cost more than the items. */
class OneByOne<T> implements AsyncIterableIterator<T> {
  readonly #batches: AsyncIterator<readonly T[]>;
  #batch: readonly T[] = [];
  #at = 0;

  constructor(batches: AsyncIterator<readonly T[]>) {
    this.#batches = batches;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#at < this.#batch.length) {
      return Promise.resolve({ done: false, value: this.#batch[this.#at++]! });
    }
    return this.#batches.next().then((batch) => {
      if (batch.done) {
        return { done: true, value: undefined };
      }
      this.#batch = batch.value;
      this.#at = 0;
      return this.next();
    });
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    await this.#batches.return?.();
    return { done: true, value: undefined };
  }
}

/** The only message. Errors are those of Connect's own pipeline. */
async function single<T>(messages: AsyncIterable<T>): Promise<T> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) {
    throw wrongMessageCount({ what: "missing input message" });
  }
  const second = await iterator.next();
  if (!second.done) {
    await iterator.return?.();
    throw wrongMessageCount({ what: "received extra input message" });
  }
  return first.value;
}
