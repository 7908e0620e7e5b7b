import { constants, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { StreamObserver } from "./session-streams.js";

/*
 * The one place that ends an HTTP/2 session by force. Node reports a peer's frames from inside
 * nghttp2's own loop over them, and runs promises and `process.nextTick` there, too. A session that
 * is destroyed inside the loop continues with frames of streams that are gone: with a thousand of
 * them it never returns and uses all memory. So every caller ends a session by this file, and the
 * session ends in a turn of its own.
 */

const ending = new WeakSet<ServerHttp2Session>();

/**
 * Ends a session and its streams, at the end of this turn of the event loop. It can be called
 * anywhere; only the first call has an effect.
 *
 * @param code the code of its GOAWAY. Default: NO_ERROR
 * @returns whether this call ends it; false: it has ended, or is about to
 */
export function endSession(
  session: ServerHttp2Session,
  code: number = constants.NGHTTP2_NO_ERROR,
): boolean {
  if (session.destroyed || ending.has(session)) {
    return false;
  }
  ending.add(session);
  setImmediate(() => {
    // Node's types require an error first; its documentation does not.
    session.destroy(code as never);
  });
  return true;
}

/** What is known of a session whose end is kept outside of the loop. */
interface Standing {
  /** The number of its open streams. */
  open: number;
  /** Whether it ends with the last of them. */
  isLeaving: boolean;
  /** Whether it is about to be destroyed. */
  isDestroyed: boolean;
}

const standing = Symbol("standing");

interface Watched extends ServerHttp2Session {
  [standing]?: Standing;
}

function standingOf(session: ServerHttp2Session): Standing {
  return (session as Watched)[standing]!;
}

/**
 * Keeps Node from ending a session from inside the loop, as Node does when a peer sends GOAWAY.
 *
 * If the GOAWAY has an error, Node destroys the session. nghttp2 before 1.68.1 then reads on, and a
 * later frame of a wrong size aborts the process (CVE-2026-27135; Node 20 has 1.61). Here, the
 * session is destroyed in a turn of its own.
 *
 * If it has none, Node accepts no further streams, and frees a new one while nghttp2 still uses it,
 * which corrupts the heap. Here, the session continues to accept streams, and ends with its last
 * open one.
 *
 * @returns what must observe the streams of the sessions
 */
export function keepEndsOutside(server: Http2Server): StreamObserver {
  server.on("session", (session) => {
    (session as Watched)[standing] = { open: 0, isLeaving: false, isDestroyed: false };
    session.destroy = destroyOutside;
    session.close = closeOutside;
  });
  return {
    opened(_stream, session) {
      standingOf(session).open++;
    },
    closed(_stream, session) {
      standingOf(session).open--;
      endIfIdle(session);
    },
  };
}

function destroyOutside(this: ServerHttp2Session, ...args: unknown[]): void {
  const known = standingOf(this);
  if (!known.isDestroyed) {
    known.isDestroyed = true;
    const { destroy } = Object.getPrototypeOf(this);
    setImmediate(() => destroy.apply(this, args));
  }
}

function closeOutside(this: ServerHttp2Session): void {
  standingOf(this).isLeaving = true;
  setImmediate(endIfIdle, this);
}

function endIfIdle(session: ServerHttp2Session): void {
  const { open, isLeaving } = standingOf(session);
  if (isLeaving && open === 0) {
    endSession(session);
  }
}

/** Whether a session is about to be ended. */
export function isEnding(session: ServerHttp2Session): boolean {
  return ending.has(session);
}

/** Announces the end by a GOAWAY, at once: calls up to this stream are still accepted. */
export function announceEnd(session: ServerHttp2Session, lastStream?: number): void {
  // A destroyed session throws; it is closed when its last write is sent.
  if (!session.destroyed) {
    session.goaway(constants.NGHTTP2_NO_ERROR, lastStream);
  }
}

/**
 * Lets a session end with the last of its streams. Its GOAWAY says at once that no later streams
 * are accepted: nghttp2 ignores these.
 */
export function retireSession(session: ServerHttp2Session): void {
  announceEnd(session);
  session.close();
}
