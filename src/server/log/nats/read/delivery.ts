import type { Msg } from "@nats-io/transport-node";
import type { StreamMessage } from "../../../encoding/stream-payload.js";

/** A message as a consumer delivers it. */
export interface Delivery extends StreamMessage {
  /** Its number among the consumer's deliveries, from 1. */
  readonly delivered: number;
  /** How many messages of the stream follow it. */
  readonly pending: number;
}

/**
 * Whether a consumer has sent a message of the stream, and not a status message. The headers do not
 * show it, because clients choose the headers of their messages.
 */
export function isDelivery({ reply }: Msg): boolean {
  return reply?.startsWith("$JS.ACK.") ?? false;
}

/**
 * Parses a consumer's delivery. The server puts the message's metadata into the reply subject,
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<delivered>.<ns>.<pending>`; newer servers
 * add a domain and an account before the stream, and a token at the end.
 */
export function readDelivery({ subject, reply, data }: Msg): Delivery {
  const tokens = reply!.split(".");
  const at = tokens.length > 9 ? 7 : 5;
  return {
    sequence: Number(tokens[at]),
    delivered: Number(tokens[at + 1]),
    // Nanoseconds exceed the precision of a number: they are cut to milliseconds as text.
    sentAt: Number(tokens[at + 2]!.slice(0, -6)),
    pending: Number(tokens[at + 3]),
    subject,
    payload: data,
  };
}
