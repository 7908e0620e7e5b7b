import type { MethodImpl } from "@connectrpc/connect";
import { type ChatterService, ListenerRequestSchema } from "../../gen/chatter_pb.js";
import { accept, receive } from "./encoded-wire.js";
import { decodePost } from "./post.js";
import { type Posting, Progress, store } from "./posting.js";

/** Listener: stores what it is sent and says at the end how much that was. */
export function createListener(
  posting: Posting,
): MethodImpl<typeof ChatterService.method.listener> {
  return async function listener(requests, context) {
    accept(context);
    const posts = receive(context, requests, ListenerRequestSchema, decodePost);
    const progress = new Progress();
    for await (const _ of store(posting, posts, context, progress)) {
      // The progress is the answer.
    }
    return { stored: BigInt(progress.stored), lastSequence: BigInt(progress.lastSequence) };
  };
}
