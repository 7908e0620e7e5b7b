/*
 * The same service, whose streams go past Connect's pipeline as Chatter's own do: requests by
 * `receive`, answers by `respond`.
 */
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import { encodeEnvelopes, receive, respond } from "../../../src/server/index.js";
import {
  BidiStreamRequestSchema,
  BidiStreamResponseSchema,
  ClientStreamRequestSchema,
  ServerStreamRequestSchema,
  ServerStreamResponseSchema,
} from "../gen/connectrpc/conformance/v1/service_pb.js";
import { answers, bidiAnswers, peek, setHeaders } from "./answers.js";
import { type Methods, methods } from "./service.js";

export const passthroughMethods: Methods = {
  ...methods,

  async *serverStream(request, context) {
    setHeaders(request.responseDefinition, context);
    const seen = [anyPack(ServerStreamRequestSchema, request)];
    const messages = answers(request.responseDefinition, seen, context);
    const schema = ServerStreamResponseSchema;
    yield* respond(context, schema, envelopes(schema, messages));
  },

  clientStream: (requests, context) =>
    methods.clientStream(received(ClientStreamRequestSchema, requests, context), context),

  async *bidiStream(requests, context) {
    const { first, all } = await peek(received(BidiStreamRequestSchema, requests, context));
    setHeaders(first?.responseDefinition, context);
    const schema = BidiStreamResponseSchema;
    yield* respond(context, schema, envelopes(schema, bidiAnswers(all, first, context)));
  },
};

async function* received<Desc extends DescMessage>(
  schema: Desc,
  requests: AsyncIterable<MessageShape<Desc>>,
  context: HandlerContext,
): AsyncGenerator<MessageShape<Desc>> {
  for await (const batch of receive(context, requests, schema)) {
    yield* batch;
  }
}

async function* envelopes<Desc extends DescMessage>(
  schema: Desc,
  messages: AsyncIterable<MessageInitShape<Desc>>,
): AsyncGenerator<Uint8Array> {
  for await (const message of messages) {
    yield encodeEnvelopes(schema, [message]);
  }
}
