import {
  constants,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { Readable } from "node:stream";
import { isKnown } from "../../limits/authenticated-connections.js";
import type { Limits } from "../../limits/limits.js";
import { endSession } from "./session-end.js";
import { restSession } from "./session-reading.js";

/*
 * HTTP/2 frames that cost their sender nothing. Node and nghttp2 bound most of them by
 * themselves: empty DATA frames and others that are not allowed, CONTINUATION frames, answers
 * that the peer does not read. They do not bound PING and SETTINGS of a peer that reads the
 * answers. Resets of streams nghttp2 does bound (1,000 at once, 33 a second), but then Node
 * keeps a connection on which nothing goes on, so that our bound is a little below.
 */

/** Clients that measure their way send a PING each round trip: on one machine, thousands. */
const pings = { burst: 10_000, perSecond: 10_000 };
/** Clients send one, and some a second when they know more of their way. */
const settings = { burst: 100, perSecond: 10 };

const resets = { burst: 950, perSecond: 30 };
/** Of a connection that has shown no valid token, which may have 100 streams. */
const unknownResets = { burst: 200, perSecond: 30 };

/** How many DATA frames in a row are counted, and the fewest bytes that each has on average. */
const dataFrames = { counted: 10_000, leastBytes: 3 };
/** How many are read before the others have their turn: they take some milliseconds. */
const dataFramesAtOnce = 1024;

/** How many bad frames, and refused streams, a session may have: clients have none. */
const maxBadFrames = 100;

/** What a session holds for itself, and for each stream: in bytes. */
const sessionBytes = 10 * 1024 * 1024;
const streamBytes = 2 * 1024;

/** The options of Node's HTTP/2 server that bound what a session may do. */
export function sessionOptions({ maxConnectionStreams }: Limits) {
  return {
    maxSessionInvalidFrames: maxBadFrames,
    maxSessionRejectedStreams: maxBadFrames,
    // In megabytes. Node's own 10 are too few for 20,000 streams.
    maxSessionMemory: Math.ceil((sessionBytes + maxConnectionStreams * streamBytes) / 1e6),
  };
}

/** Ends sessions that flood the server with PING, SETTINGS or resets: ENHANCE_YOUR_CALM. */
export function endFloods(server: Http2Server, { onRefused }: Pick<Limits, "onRefused">): void {
  const end = (session: ServerHttp2Session) => {
    if (endSession(session, constants.NGHTTP2_ENHANCE_YOUR_CALM)) {
      onRefused("http2_flood");
    }
  };
  const onPing = whenTooMany(pings, end);
  const onSettings = whenTooMany(settings, end);
  const onReset = whenTooMany(resets, end);
  const onUnknownReset = whenTooMany(unknownResets, end);
  server.on("session", (session) => {
    session.on("ping", onPing).on("remoteSettings", onSettings);
    function onClose(this: ServerHttp2Stream) {
      if (this.rstCode !== constants.NGHTTP2_NO_ERROR) {
        (isKnown(session) ? onReset : onUnknownReset).call(session);
      }
    }
    const push = countPushes(session, end);
    session.on("stream", (stream) => {
      stream.push = push;
      stream.on("close", onClose);
    });
  });
}

/**
 * What takes the bytes of each DATA frame of a session from Node, and counts the frames: a few
 * bytes in each cost their sender little, and the server as much as a whole message does.
 */
function countPushes(session: ServerHttp2Session, end: (session: ServerHttp2Session) => void) {
  let frames = 0;
  let bytes = 0;
  return function push(this: ServerHttp2Stream, chunk: Uint8Array | null): boolean {
    if (chunk !== null) {
      bytes += chunk.length;
      if (++frames % dataFramesAtOnce === 0) {
        restSession(session);
      }
      if (frames === dataFrames.counted) {
        if (bytes < frames * dataFrames.leastBytes) {
          end(session);
        }
        frames = 0;
        bytes = 0;
      }
    }
    return Readable.prototype.push.call(this, chunk);
  };
}

/**
 * A listener, one for all sessions, that calls back with a session which was counted more often
 * than `burst` times at once, and `perSecond` times a second.
 */
function whenTooMany(
  { burst, perSecond }: { readonly burst: number; readonly perSecond: number },
  callback: (session: ServerHttp2Session) => void,
) {
  const counted = new WeakMap<ServerHttp2Session, { left: number; since: number }>();
  return function count(this: ServerHttp2Session): void {
    const now = performance.now();
    const { left, since } = counted.get(this) ?? { left: burst, since: now };
    const rest = Math.min(burst, left + ((now - since) * perSecond) / 1000) - 1;
    counted.set(this, { left: rest, since: now });
    if (rest < 0) {
      callback(this);
    }
  };
}
