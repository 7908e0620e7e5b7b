import type { ServerHttp2Session } from "node:http2";
import { isEnding } from "./session-end.js";

/** Internal to Node: the handle that reads from a TCP or TLS connection. */
interface Handle {
  readStop?(): void;
  readStart?(): void;
  readonly writeQueueSize?: number;
}

const resting = new WeakSet<ServerHttp2Session>();

/**
 * Reads no more from a session's peer for the rest of this turn of the event loop. Node would read
 * and handle up to 2 MB of what one peer has sent before anybody else has a turn: a second and more
 * if the frames are small. What has been read already, up to 64 KiB, is still handled.
 */
export function restSession(session: ServerHttp2Session): void {
  // Checked for each stream that waits, because Node's way to the handle is a long one. Ending a
  // session whose reading is stopped corrupts the heap of Node 20.
  if (resting.has(session) || isEnding(session)) {
    return;
  }
  const handle = handleOf(session);
  if (!handle) {
    return;
  }
  resting.add(session);
  handle.readStop?.();
  setImmediate(() => {
    resting.delete(session);
    // While it writes, Node does not read either, and resumes by itself.
    if (!session.destroyed && !handle.writeQueueSize) {
      handle.readStart?.();
    }
  });
}

function handleOf(session: ServerHttp2Session): Handle | undefined {
  // Without a socket, or with a destroyed one, Node throws.
  const { socket } = session.destroyed ? {} : session;
  return (socket as { _handle?: Handle | null } | undefined)?._handle ?? undefined;
}
