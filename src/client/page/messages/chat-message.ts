import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { roomTitle } from "../../../protocol/rooms.js";
import type { HistoryResponse, SubscribeResponse } from "../../index.js";

/** A stored message, from any source. */
export interface ChatMessage {
  /** The room's title: "main", not empty. */
  readonly room: string;
  readonly sequence: bigint;
  readonly cursor: string;
  readonly sender: string;
  readonly text: string;
  readonly at: Date;
}

export function fromHistory(stored: HistoryResponse): ChatMessage {
  return chatMessage(stored, stored.sentAt);
}

export function fromEvent(event: SubscribeResponse): ChatMessage {
  return chatMessage(event, event.addedAt);
}

function chatMessage(
  { room, sequence, cursor, sender, message }: HistoryResponse | SubscribeResponse,
  at: Timestamp | undefined,
): ChatMessage {
  return {
    room: roomTitle(room),
    sequence,
    cursor,
    sender,
    text: message,
    at: at ? timestampDate(at) : new Date(0),
  };
}
