import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { MethodImpl } from "@connectrpc/connect";
import type { ChatterService } from "../../gen/chatter_pb.js";
import { roomOf } from "../../protocol/rooms.js";
import { formatCursor } from "../encoding/cursor.js";
import type { Posting } from "./posting/posting.js";
import { storeOne } from "./posting/store-one.js";

/** Post: stores one message, and answers when it is durable. */
export function createPost(posting: Posting): MethodImpl<typeof ChatterService.method.post> {
  return async function post(request, context) {
    const { sequence, sentAt } = await storeOne(posting, request, context);
    return {
      sequence: BigInt(sequence),
      cursor: formatCursor(posting.log.identity, sequence),
      room: roomOf(request.room),
      sentAt: timestampFromMs(sentAt),
    };
  };
}
