import type { DescMessage, DescMethodServerStreaming } from "@bufbuild/protobuf";
import {
  type ConnectRouterOptions,
  createContextValues,
  type HandlerContext,
  type Interceptor,
  type MethodImpl,
  type ServiceImpl,
  type StreamRequest,
  type StreamResponse,
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
import { abortKey, deadlineKey, unreadKey, wireKey } from "../call/context.js";
import { createEnding, type Ending } from "../call/end-response.js";
import { wrongMessageCount } from "../call/errors.js";
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
}

/**
 * The methods that read, for calls that do not need Connect's pipeline, by the paths of the
 * methods.
 *
 * @param implementations answer by `respondCounted`
 * @param options those of the router that has them too
 */
export function createDirectReads(
  implementations: Required<Pick<ServiceImpl<typeof ChatterService>, "subscribe" | "history">>,
  options: ConnectRouterOptions,
): ReadonlyMap<string, DirectRead> {
  const { interceptors = [], acceptCompression: compressions = [] } = options;
  const { readMaxBytes: maxMessageBytes = 0, maxTimeoutMs = Number.MAX_SAFE_INTEGER } = options;
  const directRead = <Method extends DescMethodServerStreaming>(
    method: Method,
    implementation: MethodImpl<Method>,
  ): [string, DirectRead] => {
    const ending = createEnding(method, options);
    const read = { method, implementation, interceptors, compressions, maxMessageBytes, ending };
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
  body.follow(invoke(read, request, head, { header, trailer, body }));
  return (await body.accepted) ? { status: 200, header, body, trailer } : body.ended;
}

/** Runs the interceptors, the innermost of which calls the method. */
function invoke<Method extends DescMethodServerStreaming>(
  { method, implementation, interceptors, maxMessageBytes }: Read<Method>,
  { url, header, signal, body, contextValues = createContextValues() }: UniversalServerRequest,
  { protocolName, timeoutMs }: RequestHead,
  answer: { header: Headers; trailer: Headers; body: DirectReadBody<Method["output"]> },
): Promise<StreamResponse> {
  if (timeoutMs !== undefined) {
    contextValues.set(deadlineKey, performance.now() + timeoutMs);
  }
  const deadline = contextValues.get(deadlineKey);
  contextValues.set(passthroughWire, answer.body);
  contextValues.set(abortKey, contextValues.get(wireKey)?.abort);
  const common = { stream: true, service: method.parent, method } as const;

  async function call(request: StreamRequest): Promise<StreamResponse> {
    const context: HandlerContext = {
      service: method.parent,
      method,
      protocolName,
      requestMethod: "POST",
      url,
      signal: request.signal,
      timeoutMs: () => (deadline === undefined ? undefined : deadline - performance.now()),
      requestHeader: request.header,
      responseHeader: answer.header,
      responseTrailer: answer.trailer,
      values: request.contextValues,
    };
    const message = implementation((await single(request.message)) as never, context);
    return { ...common, header: answer.header, trailer: answer.trailer, message } as never;
  }
  const next = interceptors.reduceRight<typeof call>(
    (inner, interceptor) => interceptor(inner as never) as never,
    call,
  );
  return next({
    ...common,
    requestMethod: "POST",
    url,
    signal,
    header,
    contextValues,
    message: readMessages(
      splitMessages(
        body as AsyncIterable<Uint8Array>,
        (bytes) => parse<DescMessage>(method.input, bytes),
        { maxBytes: maxMessageBytes, protocolName, unread: contextValues.get(unreadKey) },
      ),
    ),
  });
}

/** The headers that Connect would send. The compression that it offers is not used. */
function responseHeader(
  compressions: Compression[],
  request: UniversalServerRequest,
  head: RequestHead,
) {
  const header = new Headers({ "content-type": head.contentType });
  const name = head.acceptEncodingHeader;
  const { response } = compressionNegotiate(compressions, null, request.header.get(name), name);
  if (response) {
    header.set(head.encodingHeader, response.name);
  }
  return header;
}

/** One by one. */
async function* readMessages<T>(chunks: AsyncIterable<readonly T[]>): AsyncGenerator<T> {
  for await (const messages of chunks) {
    yield* messages;
  }
}

/** The only message. Errors are those of Connect's own pipeline. */
async function single<T>(messages: AsyncIterable<T>): Promise<T> {
  let found: { message: T } | undefined;
  for await (const message of messages) {
    if (found) {
      throw wrongMessageCount({ what: "received extra input message" });
    }
    found = { message };
  }
  if (!found) {
    throw wrongMessageCount({ what: "missing input message" });
  }
  return found.message;
}
