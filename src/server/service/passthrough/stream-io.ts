import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import { decodeEnvelopes } from "../../encoding/envelope.js";
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
  /** Maximum size of one message of the body, in bytes. */
  readonly maxMessageBytes: number;
}

export const passthroughWire = createContextKey<PassthroughWire | undefined>(undefined, {
  description: "the wire that takes encoded messages",
});

/**
 * Sends the response headers at once. A stream calls this when its start is settled and its headers
 * are set: later errors can only be in the trailers.
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
 * Answers a call with encoded messages, which the method counts with {@link sentCount}: the return
 * value of a streaming method.
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
 * Reads the messages of a client stream, in batches of as many as one chunk of the body has.
 *
 * @param decode decodes one message; null for an unusual one, which is then left to the generated
 * schema
 */
export async function* receive<Desc extends DescMessage, Fast>(
  context: HandlerContext,
  requests: AsyncIterable<MessageShape<Desc>>,
  schema: Desc,
  decode: (bytes: Uint8Array) => Fast | null,
): AsyncGenerator<readonly (Fast | MessageShape<Desc>)[]> {
  const wire = context.values.get(passthroughWire);
  const body = wire?.takeBody?.();
  // If the body was taken there are no messages, but Connect's objections to the headers are
  // thrown.
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
