import type { WebSocket } from "ws";
import { chunkCost } from "../limits/unread-bytes.js";

/**
 * What the receiver of `ws` keeps of an incomplete message. `ws` has no API for it; a test fails if
 * a later version keeps it elsewhere.
 */
interface Receiver {
  /** Of the incomplete frame. */
  readonly _bufferedBytes: number;
  readonly _buffers: readonly unknown[];
  /** Of earlier frames of the same message. */
  readonly _messageLength: number;
  readonly _fragments: readonly unknown[];
}

/** A message of which only a part has arrived. */
export interface HalfSent {
  /** How many bytes of it have arrived. */
  readonly bytes: number;
  /** Their cost in memory, including that of each chunk. */
  readonly cost: number;
}

const nothing: HalfSent = { bytes: 0, cost: 0 };

/** The message that has begun on a socket and is not complete yet. */
export function halfSentOn(socket: WebSocket): HalfSent {
  const { _receiver } = socket as unknown as { readonly _receiver: Receiver };
  const bytes = _receiver._bufferedBytes + _receiver._messageLength;
  if (bytes === 0) {
    return nothing;
  }
  const chunks = _receiver._buffers.length + _receiver._fragments.length;
  return { bytes, cost: bytes + chunks * chunkCost };
}
