import type { MethodImpl } from "@connectrpc/connect";
import {
  type ChatterService,
  EchoerRequestSchema,
  EchoerResponseSchema,
} from "../../gen/chatter_pb.js";
import { encodeAnswers } from "./echo-answers.js";
import { receive, respond, sentCount } from "./encoded-wire.js";
import { decodePost } from "./post.js";
import { type Posting, Progress, store } from "./posting.js";

/** Echoer: stores what it is sent and answers each message once it is durable. */
export function createEchoer(posting: Posting): MethodImpl<typeof ChatterService.method.echoer> {
  return async function* echoer(requests, context) {
    yield* respond(context, EchoerResponseSchema, answers());

    async function* answers(): AsyncGenerator<Uint8Array> {
      const count = sentCount(context);
      const posts = receive(context, requests, EchoerRequestSchema, decodePost);
      for await (const stored of store(posting, posts, context, new Progress())) {
        count.sent += stored.posts.length;
        yield* encodeAnswers(posting.log.identity, stored);
      }
    }
  };
}
