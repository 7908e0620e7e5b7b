// A service on the fast path: news are encoded once, and every follower is sent the same bytes.
import { EventEmitter, once } from "node:events";
import { Code, ConnectError } from "@connectrpc/connect";
import { encodeEnvelopes, receive, respond } from "chatter/server";
import { FollowResponseSchema, PublishRequestSchema } from "./gen/news/v1/news_pb.js";

const kept = Array.from({ length: 1000 }); // The newest batches; a follower is a position in them.
let head = 0;
const bell = new EventEmitter().setMaxListeners(0);

async function* batchesAfter(position, signal) {
  for (; ; position++) {
    while (position === head) {
      await once(bell, "news", { signal }).catch(() => signal.throwIfAborted());
    }
    if (head - position > kept.length) {
      throw new ConnectError("you read too slowly", Code.ResourceExhausted);
    }
    yield kept[position % kept.length];
  }
}

export const news = {
  async publish(requests, context) {
    let published = 0;
    for await (const batch of receive(context, requests, PublishRequestSchema)) {
      kept[head++ % kept.length] = encodeEnvelopes(FollowResponseSchema, batch);
      published += batch.length;
      bell.emit("news");
    }
    return { published };
  },

  follow(_, context) {
    context.responseHeader.set("news-from", String(head));
    return respond(context, FollowResponseSchema, batchesAfter(head, context.signal));
  },
};
