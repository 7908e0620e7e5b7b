import type { Msg } from "@nats-io/transport-node";
import type { StreamMessage } from "./nats-payload.js";

/** A message as a consumer delivers it. */
export interface Delivery extends StreamMessage {
  /** Its number among the consumer's deliveries, from 1. */
  readonly delivered: number;
  /** How many messages of the stream follow it. */
  readonly pending: number;
}

/**
 * Reads what a consumer sent. What the server says of a message lies in the subject to
 * answer to, `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<delivered>.<ns>.<pending>`;
 * newer servers put a domain and an account before the stream and a token after the end.
 */
export function readDelivery({ reply, data }: Msg): Delivery {
  const tokens = reply!.split(".");
  const at = tokens.length > 9 ? 7 : 5;
  return {
    sequence: Number(tokens[at]),
    delivered: Number(tokens[at + 1]),
    // Nanoseconds are more than a number can hold: cut to milliseconds as text.
    sentAt: Number(tokens[at + 2]!.slice(0, -6)),
    pending: Number(tokens[at + 3]),
    payload: data,
  };
}
