import type { MethodImpl } from "@connectrpc/connect";
import { type ChatterService, ListenerRequestSchema } from "../../gen/chatter_pb.js";
import { decodePost } from "../encoding/post-request.js";
import { accept, receive } from "./passthrough/stream-io.js";
import { type Posting, Progress, store } from "./posting/posting.js";

/** Listener: stores messages, and answers at the end with their number. */
export function createListener(
  posting: Posting,
): MethodImpl<typeof ChatterService.method.listener> {
  return async function listener(requests, context) {
    accept(context);
    const posts = receive(context, requests, ListenerRequestSchema, decodePost);
    const progress = new Progress();
    await store(posting, posts, context, progress);
    return { stored: BigInt(progress.stored), lastSequence: BigInt(progress.lastSequence) };
  };
}
