import type { WebSocket } from "ws";
import { chunkCost } from "../limits/unread-bytes.js";

/**
 * What the receiver of `ws` keeps of a message that has not come whole. `ws` has no way to ask
 * for it; a test fails if it keeps it elsewhere one day.
 */
interface Receiver {
  /** Of the frame that has not come whole. */
  readonly _bufferedBytes: number;
  readonly _buffers: readonly unknown[];
  /** Of the frames before it, of the same message. */
  readonly _messageLength: number;
  readonly _fragments: readonly unknown[];
}

/** A message of which a part has come. */
export interface HalfSent {
  /** How many bytes of it have come. */
  readonly bytes: number;
  /** What they cost, with what each of their chunks costs. */
  readonly cost: number;
}

const nothing: HalfSent = { bytes: 0, cost: 0 };

/** The message that has begun on a socket and is not whole yet. */
export function halfSentOn(socket: WebSocket): HalfSent {
  const { _receiver } = socket as unknown as { readonly _receiver: Receiver };
  const bytes = _receiver._bufferedBytes + _receiver._messageLength;
  if (bytes === 0) {
    return nothing;
  }
  const chunks = _receiver._buffers.length + _receiver._fragments.length;
  return { bytes, cost: bytes + chunks * chunkCost };
}
