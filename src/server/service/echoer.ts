import type { MethodImpl } from "@connectrpc/connect";
import { type Put, produced } from "../../async/produced.js";
import {
  type ChatterService,
  EchoerRequestSchema,
  EchoerResponseSchema,
} from "../../gen/chatter_pb.js";
import { encodeEchoes } from "../encoding/echo-response.js";
import { decodePost } from "../encoding/post-request.js";
import { clientLeft } from "./call/errors.js";
import { receive, respondCounted, sentCount } from "./passthrough/stream-io.js";
import { type Posting, Progress, store } from "./posting/posting.js";

/** Echoer: stores messages, and answers each one when it is durable. */
export function createEchoer(posting: Posting): MethodImpl<typeof ChatterService.method.echoer> {
  return function echoer(requests, context) {
    const count = sentCount(context);
    const posts = receive(context, requests, EchoerRequestSchema, decodePost);
    const responses = produced<Uint8Array>(
      (put) =>
        store(posting, posts, context, new Progress(), (stored) => {
          count.sent += stored.posts.length;
          return putAll(put, encodeEchoes(posting.log.identity, stored));
        }),
      clientLeft,
    );
    return respondCounted(context, EchoerResponseSchema, responses);
  };
}

/** Puts the chunks, one after the other. */
function putAll(
  put: Put<Uint8Array>,
  chunks: Iterator<Uint8Array, unknown>,
): Promise<void> | undefined {
  for (let chunk = chunks.next(); !chunk.done; chunk = chunks.next()) {
    const taking = put(chunk.value);
    if (taking) {
      return taking.then(() => putAll(put, chunks));
    }
  }
  return undefined;
}
