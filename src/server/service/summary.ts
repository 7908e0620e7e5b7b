import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type MethodImpl } from "@connectrpc/connect";
import {
  type ChatSummary,
  ChatSummarySchema,
  type ChatterService,
  SummaryRequestSchema,
} from "../../gen/chatter_pb.js";
import { accept, receive } from "./encoded-wire.js";
import { decodePost } from "./post.js";
import { type Posting, Progress, store } from "./posting.js";

/** Most bytes of a SummaryResponse. */
export const maxSummaryBytes = 4 * 1024 * 1024;

/** Summary: stores what it is sent and answers at the end with a summary of each. */
export function createSummary(posting: Posting): MethodImpl<typeof ChatterService.method.summary> {
  return async function summary(requests, context) {
    accept(context);
    const posts = receive(context, requests, SummaryRequestSchema, decodePost);
    const progress = new Progress();
    const summaries: ChatSummary[] = [];
    let bytes = 0;
    for await (const stored of store(posting, posts, context, progress)) {
      for (const [i, post] of stored.posts.entries()) {
        const { sequence, sentAt } = stored.positions[i]!;
        const entry = create(ChatSummarySchema, {
          message: post.message,
          length: Buffer.byteLength(post.message),
          sentAt: timestampFromMs(sentAt),
          sequence: BigInt(sequence),
        });
        bytes += fieldBytes(toBinary(ChatSummarySchema, entry).length);
        if (bytes <= maxSummaryBytes) {
          summaries.push(entry);
        }
      }
      if (bytes > maxSummaryBytes) {
        throw progress.attachTo(
          new ConnectError(
            "the summary is larger than 4 MiB: send fewer messages in one stream, or use Listener",
            Code.ResourceExhausted,
          ),
        );
      }
    }
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
