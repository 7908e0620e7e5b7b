import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import type {
  ContextValues,
  HandlerContext,
  UnaryRequest,
  UnaryResponse,
} from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import { abortKey, deadlineKey, wireKey } from "../call/context.js";
import { CallValues } from "../call/request.js";
import type { UnaryHead } from "./request-form.js";
import type { ResponseMetadata } from "./response.js";
import type { UnaryMethod } from "./router.js";

/** A call's data besides its request. */
export interface Invocation {
  readonly head: UnaryHead;
  /** When it began, by `performance.now()`. */
  readonly since: number;
  readonly message: MessageShape<DescMessage>;
  /** Of the response; the method adds its own. */
  readonly metadata: ResponseMetadata;
  /** Whether foreign code sees the call, and may spread the request and the context. */
  readonly seenByOthers: boolean;
}

/** Runs the interceptors; the innermost one calls the method. */
export function invoke(
  { method, impl, options }: UnaryMethod,
  request: UniversalServerRequest,
  { head, since, message, metadata, seenByOthers }: Invocation,
): Promise<UnaryResponse> {
  const { form, timeoutMs } = head;
  const { contextValues = new CallValues() } = request;
  const deadline = timeoutMs === undefined ? undefined : since + timeoutMs;
  contextValues.set(deadlineKey, deadline).set(abortKey, contextValues.get(wireKey)?.abort);

  async function call(inner: UnaryRequest): Promise<UnaryResponse> {
    const context = new UnaryContext(inner, form.protocolName, deadline, metadata);
    const given = seenByOthers ? { ...context, signal: context.signal } : context;
    const answer = await impl(inner.message, given);
    return {
      stream: false,
      service: method.parent,
      method,
      header: metadata.header,
      trailer: metadata.trailer,
      message: create(method.output, answer),
    };
  }

  const next = options.interceptors.reduceRight<typeof call>(
    (inner, interceptor) => interceptor(inner as never) as never,
    call,
  );
  const called = new CalledRequest(method, request, contextValues, message);
  return next(seenByOthers ? { ...called, signal: called.signal } : called);
}

/** Request and context create the signal when it is first used. */
class CalledRequest implements UnaryRequest {
  readonly stream = false;
  readonly service;
  readonly requestMethod;
  readonly url;
  readonly header;
  readonly #request: UniversalServerRequest;

  constructor(
    readonly method: UnaryMethod["method"],
    request: UniversalServerRequest,
    readonly contextValues: ContextValues,
    readonly message: MessageShape<DescMessage>,
  ) {
    this.service = method.parent;
    this.requestMethod = request.method;
    this.url = request.url;
    this.header = request.header;
    this.#request = request;
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }
}

class UnaryContext implements HandlerContext {
  readonly service;
  readonly method;
  readonly requestMethod;
  readonly url;
  readonly values;
  readonly requestHeader;
  readonly responseHeader;
  readonly responseTrailer;
  readonly timeoutMs: () => number | undefined;
  readonly #request: UnaryRequest;

  constructor(
    request: UnaryRequest,
    readonly protocolName: string,
    deadline: number | undefined,
    { header, trailer }: ResponseMetadata,
  ) {
    this.service = request.service;
    this.method = request.method;
    this.requestMethod = request.requestMethod;
    this.url = request.url;
    this.values = request.contextValues;
    this.requestHeader = request.header;
    this.responseHeader = header;
    this.responseTrailer = trailer;
    this.timeoutMs =
      deadline === undefined ? noTimeout : () => Math.round(deadline - performance.now());
    this.#request = request;
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }
}

function noTimeout(): undefined {}
