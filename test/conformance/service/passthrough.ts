/*
 * The same service, whose streams go past Connect's pipeline as Chatter's own do: requests by
 * `receive`, answers by `respond`. The package does not export these.
 */
import {
  create,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  envelopePrefixLength,
  writeEnvelopePrefix,
} from "../../../src/server/encoding/envelope.js";
import { receive, respond } from "../../../src/server/service/passthrough/stream-io.js";
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
  // No decoder by hand: all is left to the generated schema.
  for await (const batch of receive<Desc, never>(context, requests, schema, () => null)) {
    yield* batch;
  }
}

async function* envelopes<Desc extends DescMessage>(
  schema: Desc,
  messages: AsyncIterable<MessageInitShape<Desc>>,
): AsyncGenerator<Uint8Array> {
  for await (const init of messages) {
    const message = toBinary(schema, create(schema, init));
    const envelope = new Uint8Array(envelopePrefixLength + message.length);
    writeEnvelopePrefix(envelope, 0, message.length);
    envelope.set(message, envelopePrefixLength);
    yield envelope;
  }
}
