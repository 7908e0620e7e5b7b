import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { MethodImpl } from "@connectrpc/connect";
import {
  type ChatSummary,
  ChatSummarySchema,
  type ChatterService,
  SummaryRequestSchema,
} from "../../gen/chatter_pb.js";
import { roomOf } from "../../protocol/rooms.js";
import { decodePost } from "../encoding/post-request.js";
import { largeSummary } from "./errors.js";
import { accept, receive } from "./passthrough/stream-io.js";
import { type Posting, Progress, store } from "./posting/posting.js";

/** Maximum size of a SummaryResponse, in bytes. */
export const maxSummaryBytes = 4 * 1024 * 1024;

/** Summary: stores messages, and answers at the end with a summary of each. */
export function createSummary(posting: Posting): MethodImpl<typeof ChatterService.method.summary> {
  return async function summary(requests, context) {
    accept(context);
    const posts = receive(context, requests, SummaryRequestSchema, decodePost);
    const progress = new Progress();
    const summaries: ChatSummary[] = [];
    let bytes = 0;
    await store(posting, posts, context, progress, (stored) => {
      for (const [i, post] of stored.posts.entries()) {
        const { sequence, sentAt } = stored.positions[i]!;
        const entry = create(ChatSummarySchema, {
          message: post.message,
          length: Buffer.byteLength(post.message),
          sentAt: timestampFromMs(sentAt),
          sequence: BigInt(sequence),
          room: roomOf(post.room),
        });
        bytes += fieldBytes(toBinary(ChatSummarySchema, entry).length);
        if (bytes <= maxSummaryBytes) {
          summaries.push(entry);
        }
      }
      if (bytes > maxSummaryBytes) {
        throw largeSummary();
      }
      return undefined;
    });
    return { summaries };
  };
}

/** Bytes of a length-delimited field with a one-byte tag. */
function fieldBytes(length: number): number {
  let lengthBytes = 1;
  for (let rest = length; rest > 127; rest = Math.floor(rest / 128)) {
    lengthBytes++;
  }
  return 1 + lengthBytes + length;
}
