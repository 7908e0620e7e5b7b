import type { MethodImpl } from "@connectrpc/connect";
import {
  type ChatterService,
  EchoerRequestSchema,
  EchoerResponseSchema,
} from "../../gen/chatter_pb.js";
import { encodeEchoes } from "../encoding/echo-response.js";
import { decodePost } from "../encoding/post-request.js";
import { receive, respondCounted, sentCount } from "./passthrough/stream-io.js";
import { type Posting, Progress, store } from "./posting/posting.js";

/** Echoer: stores messages, and answers each one when it is durable. */
export function createEchoer(posting: Posting): MethodImpl<typeof ChatterService.method.echoer> {
  return async function* echoer(requests, context) {
    yield* respondCounted(context, EchoerResponseSchema, responses());

    async function* responses(): AsyncGenerator<Uint8Array> {
      const count = sentCount(context);
      const posts = receive(context, requests, EchoerRequestSchema, decodePost);
      for await (const stored of store(posting, posts, context, new Progress())) {
        count.sent += stored.posts.length;
        yield* encodeEchoes(posting.log.identity, stored);
      }
    }
  };
}
