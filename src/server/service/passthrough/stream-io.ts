import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import { decodeEnvelopes } from "../../encoding/envelope.js";
import { callKey, type MessageCount } from "../call/call.js";
import { unreadKey } from "../call/context.js";
import { parse, splitMessages } from "./requests.js";

/*
 * Methods hand their responses over as batches of envelopes that were encoded once and are
 * shared by everybody who reads them. The binary wires send them as they are: the method
 * still runs inside Connect (interceptors, deadline, auth, errors, trailers), but the bytes
 * go past its pipeline, which costs more a message than everything else together. JSON
 * cannot use them: for it the same envelopes are decoded first.
 */

/** What the wrapper of a handler offers to the method that runs inside. */
export interface PassthroughWire {
  /** Sends these headers of the response now. */
  accept(header: Headers): void;
  /**
   * Sends the envelopes after the headers and resolves when the last one is on its way;
   * rejects with the error of the iterable. Undefined if the wire cannot take them.
   */
  send?(envelopes: AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * Gives the request's body as it comes, in place of the messages that Connect would make
   * of it. Undefined if these are JSON or compressed.
   */
  takeBody?(): AsyncIterable<Uint8Array>;
  /** Most bytes of one message of the body. */
  readonly maxMessageBytes: number;
}

export const passthroughWire = createContextKey<PassthroughWire | undefined>(undefined, {
  description: "the wire that takes encoded messages",
});

/**
 * Sends the response headers at once. A stream calls this when its start is settled and its
 * headers are set: what is not settled by then can only be said in the trailers.
 */
export function accept(context: Pick<HandlerContext, "values" | "responseHeader">): void {
  context.values.get(passthroughWire)?.accept(context.responseHeader);
}

/**
 * Where a method counts the encoded messages that it answers with, batch by batch. What
 * takes the decoded path is counted there, so here it counts for nothing.
 */
export function sentCount({ values }: Pick<HandlerContext, "values">): MessageCount {
  const call = values.get(passthroughWire)?.send && values.get(callKey);
  return call ?? { received: 0, sent: 0 };
}

/**
 * Answers a call with encoded messages, which the method counts with {@link sentCount}: the
 * return value of a streaming method.
 *
 * @param envelopes batches of whole envelopes, flags 0
 */
export function respond<Desc extends DescMessage>(
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

/** In place of messages that are sent otherwise: none, and the end when they are sent. */
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
  const wire = context.values.get(passthroughWire);
  const body = wire?.takeBody?.();
  // If the body was taken there are none, but what Connect has against the headers is thrown.
  for await (const request of requests) {
    yield [request];
  }
  if (wire && body) {
    yield* splitMessages(body, (bytes) => decode(bytes) ?? parse(schema, bytes), {
      maxBytes: wire.maxMessageBytes,
      protocolName: context.protocolName,
      count: context.values.get(callKey),
      unread: context.values.get(unreadKey),
    });
  }
}
