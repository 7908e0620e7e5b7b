import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import { mapResults } from "../../../async/map-results.js";
import { countEnvelopes, decodeEnvelopes } from "../../encoding/envelope.js";
import { callKey, type MessageCount } from "../call/call.js";
import { unreadKey } from "../call/context.js";
import { parse, splitMessages } from "./requests.js";

/*
 * Methods return their responses as batches of envelopes that were encoded once and are shared by
 * everybody who reads them. The binary wires send them verbatim: the method still runs inside
 * Connect (interceptors, deadline, auth, errors, trailers), but the bytes bypass its pipeline,
 * which costs more for each message than everything else together. JSON cannot use them: there, the
 * same envelopes are decoded first.
 */

/** What the wrapper of a handler offers to the method that runs inside it. */
export interface PassthroughWire {
  /** Sends these headers of the response now. */
  accept(header: Headers): void;
  /**
   * Sends the envelopes after the headers and resolves when the last one has been passed on;
   * rejects with the error of the iterable. Undefined if the wire cannot take them.
   */
  send?(envelopes: AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * Returns the request's body as it arrives, in place of the messages that Connect would make of
   * it. Undefined if these are JSON or compressed.
   */
  takeBody?(): AsyncIterable<Uint8Array>;
  /**
   * Ends the call now, with this error, though its method may never end. Undefined: the call ends
   * with its messages.
   */
  cut?(reason: unknown): void;
  /** The messages of the request are counted where they are split. Default: false. */
  readonly countsReceived?: boolean;
  /** Maximum size of one message of the body, in bytes. */
  readonly maxMessageBytes: number;
}

export const passthroughWire = createContextKey<PassthroughWire | undefined>(undefined, {
  description: "the wire that takes encoded messages",
});

/**
 * Sends the response headers of a stream now; otherwise they are sent with its first message. Call
 * it when its start is settled and `context.responseHeader` is complete: later headers are lost,
 * and later errors can only be in the trailers. It has no effect on a unary call, and in a router
 * that does not belong to `createChatter`.
 */
export function accept(context: Pick<HandlerContext, "values" | "responseHeader">): void {
  context.values.get(passthroughWire)?.accept(context.responseHeader);
}

/**
 * Where a method counts the encoded messages that it answers with, batch by batch. On the decoded
 * path they are counted there, so here they count for nothing.
 */
export function sentCount({ values }: Pick<HandlerContext, "values">): MessageCount {
  const call = values.get(passthroughWire)?.send && values.get(callKey);
  return call ?? { received: 0, sent: 0 };
}

/**
 * Answers a call with encoded messages: the return value of a streaming method. Sends the response
 * headers now, as {@link accept} does.
 *
 * Binary calls over Connect, gRPC, gRPC-Web and the tunnel get the bytes verbatim, past Connect. So
 * the same bytes can answer any number of calls; they must not be modified later. For calls in
 * JSON, and in a router that does not belong to `createChatter`, the messages are decoded first. An
 * error that `batches` throws ends the call like one that the method throws. Interceptors do not
 * see messages that bypass Connect.
 *
 * @param schema of the response
 * @param batches any number of complete messages each, from `encodeEnvelopes`
 */
export function respond<Desc extends DescMessage>(
  context: HandlerContext,
  schema: Desc,
  batches: AsyncIterable<Uint8Array>,
): AsyncIterable<MessageShape<Desc>> {
  const count = sentCount(context);
  const counted = mapResults(batches, (result) => {
    if (!result.done) {
      count.sent += countEnvelopes(result.value);
    }
    return result;
  });
  return respondCounted(context, schema, counted);
}

/**
 * As {@link respond}, for a method that knows how many messages a batch has, and counts them with
 * {@link sentCount}.
 */
export function respondCounted<Desc extends DescMessage>(
  context: HandlerContext,
  schema: Desc,
  envelopes: AsyncIterable<Uint8Array>,
): AsyncIterable<MessageShape<Desc>> {
  accept(context);
  const sent = context.values.get(passthroughWire)?.send?.(envelopes);
  return sent ? new NoMessages(sent) : decoded(schema, envelopes);
}

async function* decoded<Desc extends DescMessage>(
  schema: Desc,
  envelopes: AsyncIterable<Uint8Array>,
): AsyncGenerator<MessageShape<Desc>> {
  for await (const batch of envelopes) {
    yield* decodeEnvelopes(schema, batch);
  }
}

/** In place of messages that are sent otherwise: none, and the end once those are sent. */
class NoMessages implements AsyncIterableIterator<never> {
  readonly #sent: Promise<void>;

  constructor(sent: Promise<void>) {
    this.#sent = sent;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorReturnResult<undefined>> {
    return this.#sent.then(noneLeft);
  }
}

function noneLeft(): IteratorReturnResult<undefined> {
  return { done: true, value: undefined };
}

/**
 * Reads the messages of a client stream, in batches of as many as have arrived together. The method
 * uses this in place of `requests`, which it must not read itself.
 *
 * Binary messages without compression bypass Connect; all others come through it, one at a time.
 * Limits and errors are the same: `invalid_argument` for a message that cannot be decoded,
 * `resource_exhausted` for one that is too long, both after the messages before it. Interceptors do
 * not see messages that bypass Connect.
 *
 * @param requests the method's own argument
 * @param schema of the request
 * @param decode decodes one message; null for an unusual one, which is then left to the generated
 * schema. Default: all are
 */
export function receive<Desc extends DescMessage, Fast = never>(
  context: HandlerContext,
  requests: AsyncIterable<MessageShape<Desc>>,
  schema: Desc,
  decode?: (bytes: Uint8Array) => Fast | null,
): AsyncIterable<readonly (Fast | MessageShape<Desc>)[]> {
  const wire = context.values.get(passthroughWire);
  const body = wire?.takeBody?.();
  if (!wire || !body) {
    return oneByOne(requests);
  }
  const messages = splitMessages(body, (bytes) => decode?.(bytes) ?? parse(schema, bytes), {
    maxBytes: wire.maxMessageBytes,
    protocolName: context.protocolName,
    count: context.values.get(callKey),
    unread: context.values.get(unreadKey),
  });
  return { [Symbol.asyncIterator]: () => new AfterHeaders(requests, messages) };
}

async function* oneByOne<T>(items: AsyncIterable<T>): AsyncGenerator<readonly T[]> {
  for await (const item of items) {
    yield [item];
  }
}

/**
 * The messages of a body, which Connect does not see: of its own messages there are none, but its
 * objections to the headers are thrown.
 */
class AfterHeaders<T> implements AsyncIterator<T> {
  readonly #requests: AsyncIterable<unknown>;
  readonly #messages: AsyncIterator<T>;
  #isChecked = false;

  constructor(requests: AsyncIterable<unknown>, messages: AsyncIterator<T>) {
    this.#requests = requests;
    this.#messages = messages;
  }

  next(): Promise<IteratorResult<T>> {
    return this.#isChecked ? this.#messages.next() : this.#begin();
  }

  async return(): Promise<IteratorResult<T>> {
    return (await this.#messages.return?.()) ?? { done: true, value: undefined };
  }

  async #begin(): Promise<IteratorResult<T>> {
    for await (const _ of this.#requests) {
      // There are none.
    }
    this.#isChecked = true;
    return this.#messages.next();
  }
}
