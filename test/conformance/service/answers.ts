/* What the suite's requests ask for, and what the answers must contain. */
import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  type BidiStreamRequest,
  BidiStreamRequestSchema,
  type ConformancePayload,
  type ConformancePayload_RequestInfo,
  ConformancePayload_RequestInfoSchema,
  ConformancePayloadSchema,
  HeaderSchema,
  type StreamResponseDefinition,
  type UnaryResponseDefinition,
} from "../gen/connectrpc/conformance/v1/service_pb.js";
import { appendHeaders, fromHeaders, toConnectError } from "../messages/conversions.js";

interface Answer {
  payload: ConformancePayload;
}

/** The one answer to a unary call or to a client stream. */
export async function answer(
  definition: UnaryResponseDefinition | undefined,
  requests: Any[],
  context: HandlerContext,
): Promise<Answer> {
  setHeaders(definition, context);
  const requestInfo = infoOf(requests, context);
  await sleep(definition?.responseDelayMs ?? 0);
  if (definition?.response.case === "error") {
    throw toConnectError(definition.response.value, requestInfo);
  }
  const data = definition?.response.case === "responseData" ? definition.response.value : undefined;
  return payloadOf(data, requestInfo);
}

/** The answers to a stream, from the one numbered `start` on. */
export async function* answers(
  definition: StreamResponseDefinition | undefined,
  requests: Any[],
  context: HandlerContext,
  start = 0,
): AsyncGenerator<Answer> {
  const requestInfo = infoOf(requests, context);
  const { responseData = [], responseDelayMs = 0, error } = definition ?? {};
  for (const [i, data] of responseData.entries()) {
    if (i >= start) {
      await sleep(responseDelayMs);
      yield payloadOf(data, i === 0 ? requestInfo : undefined);
    }
  }
  if (error) {
    throw toConnectError(error, responseData.length === 0 ? requestInfo : undefined);
  }
}

/** The answers to a bidirectional stream: in full duplex one a request, as long as there are any. */
export async function* bidiAnswers(
  requests: AsyncIterable<BidiStreamRequest>,
  first: BidiStreamRequest | undefined,
  context: HandlerContext,
): AsyncGenerator<Answer> {
  const definition = first?.responseDefinition;
  let seen: Any[] = [];
  let sent = 0;
  for await (const request of requests) {
    seen.push(anyPack(BidiStreamRequestSchema, request));
    if (!first?.fullDuplex) {
      continue;
    }
    const data = definition?.responseData[sent];
    if (data === undefined) {
      break;
    }
    await sleep(definition?.responseDelayMs ?? 0);
    yield payloadOf(data, infoOf(seen, context));
    sent++;
    seen = [];
  }
  yield* answers(definition, seen, context, sent);
}

/** Sets the headers and the trailers that a request asks for. */
export function setHeaders(
  definition: UnaryResponseDefinition | StreamResponseDefinition | undefined,
  context: HandlerContext,
): void {
  appendHeaders(context.responseHeader, definition?.responseHeaders);
  appendHeaders(context.responseTrailer, definition?.responseTrailers);
}

/** The first item, and all of them, the first one again. */
export async function peek<T>(
  items: AsyncIterable<T>,
): Promise<{ first: T | undefined; all: AsyncIterable<T> }> {
  const iterator = items[Symbol.asyncIterator]();
  const head = await iterator.next();
  async function* all(): AsyncGenerator<T> {
    if (!head.done) {
      yield head.value;
      yield* { [Symbol.asyncIterator]: () => iterator };
    }
  }
  return { first: head.done ? undefined : head.value, all: all() };
}

function payloadOf(
  data: Uint8Array | undefined,
  requestInfo: ConformancePayload_RequestInfo | undefined,
): Answer {
  return {
    payload: create(ConformancePayloadSchema, {
      requestInfo,
      ...(data ? { data: data as Uint8Array<ArrayBuffer> } : {}),
    }),
  };
}

function infoOf(requests: Any[], context: HandlerContext): ConformancePayload_RequestInfo {
  const timeoutMs = context.timeoutMs();
  return create(ConformancePayload_RequestInfoSchema, {
    requestHeaders: fromHeaders(context.requestHeader),
    requests,
    ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(timeoutMs) }),
    ...(context.requestMethod === "GET"
      ? {
          connectGetInfo: {
            queryParams: [...new URL(context.url).searchParams].map(([name, value]) =>
              create(HeaderSchema, { name, value: [value] }),
            ),
          },
        }
      : {}),
  });
}
