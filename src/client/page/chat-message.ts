import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { HistoryResponse, SubscribeResponse } from "../index.js";

/** A stored message, however it came. */
export interface ChatMessage {
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
  { sequence, cursor, sender, message }: HistoryResponse | SubscribeResponse,
  at: Timestamp | undefined,
): ChatMessage {
  return { sequence, cursor, sender, text: message, at: at ? timestampDate(at) : new Date(0) };
}
