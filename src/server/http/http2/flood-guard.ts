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
import { type StreamObserver, sessionOf } from "./session-streams.js";

/*
 * HTTP/2 frames that cost their sender nothing. Node and nghttp2 limit most of them: empty DATA
 * frames and forbidden ones, CONTINUATION frames, answers that the peer does not read. They do not
 * limit PING and SETTINGS frames of a peer that reads the answers. nghttp2 does limit resets of
 * streams (1,000 at once, 33 a second), but Node then keeps a connection on which nothing happens,
 * so our limit is slightly lower.
 */

/** Clients that measure their bandwidth send a PING each round trip: on one machine, thousands. */
const pings = { burst: 10_000, perSecond: 10_000 };
/** Clients send one at the start, and a few a second as they learn more about their connection. */
const settings = { burst: 100, perSecond: 10 };

const resets = { burst: 950, perSecond: 30 };
/** Of a connection that has shown no valid token, which may have 100 streams. */
const unknownResets = { burst: 200, perSecond: 30 };

/** How many DATA frames in a row are counted, and the minimum average size of each in bytes. */
const dataFrames = { counted: 10_000, leastBytes: 3 };
/** How many are read before the other sessions have their turn: they take some milliseconds. */
const dataFramesAtOnce = 1024;

/** How many invalid frames and refused streams a session may have: real clients have none. */
const maxBadFrames = 100;

/** The memory of a session, and of each of its streams, in bytes. */
const sessionBytes = 10 * 1024 * 1024;
const streamBytes = 2 * 1024;

/** The options of Node's HTTP/2 server that limit what a session may do. */
export function sessionOptions({ maxConnectionStreams }: Limits) {
  return {
    maxSessionInvalidFrames: maxBadFrames,
    maxSessionRejectedStreams: maxBadFrames,
    // In megabytes. Node's default of 10 is too low for 20,000 streams.
    maxSessionMemory: Math.ceil((sessionBytes + maxConnectionStreams * streamBytes) / 1e6),
  };
}

/**
 * Ends sessions that flood the server with PING, SETTINGS, resets or small DATA frames:
 * ENHANCE_YOUR_CALM.
 *
 * @returns what must observe the streams of the sessions
 */
export function endFloods(
  server: Http2Server,
  { onRefused }: Pick<Limits, "onRefused">,
): StreamObserver {
  const end = (session: ServerHttp2Session) => {
    if (endSession(session, constants.NGHTTP2_ENHANCE_YOUR_CALM)) {
      onRefused("http2_flood");
    }
  };
  const onPing = whenTooMany(pings, end);
  const onSettings = whenTooMany(settings, end);
  const onReset = whenTooMany(resets, end);
  const onUnknownReset = whenTooMany(unknownResets, end);
  const push = countPushes(end);
  server.on("session", (session) => {
    session.on("ping", onPing).on("remoteSettings", onSettings);
  });
  return {
    opened(stream) {
      stream.push = push;
    },
    closed({ rstCode }, session) {
      if (rstCode !== constants.NGHTTP2_NO_ERROR) {
        (isKnown(session) ? onReset : onUnknownReset).call(session);
      }
    },
  };
}

const dataCount = Symbol("DATA frames");

interface Counted extends ServerHttp2Session {
  [dataCount]?: { frames: number; bytes: number };
}

/**
 * A function that takes the bytes of each DATA frame from Node, and counts the frames of each
 * session: frames of a few bytes cost their sender little, and the server as much as a whole
 * message does.
 */
function countPushes(end: (session: ServerHttp2Session) => void) {
  function add(session: Counted, length: number): void {
    session[dataCount] ??= { frames: 0, bytes: 0 };
    const count = session[dataCount];
    count.bytes += length;
    if (++count.frames % dataFramesAtOnce === 0) {
      restSession(session);
    }
    if (count.frames === dataFrames.counted) {
      if (count.bytes < count.frames * dataFrames.leastBytes) {
        end(session);
      }
      count.frames = 0;
      count.bytes = 0;
    }
  }
  return function push(this: ServerHttp2Stream, chunk: Uint8Array | null): boolean {
    if (chunk !== null) {
      add(sessionOf(this), chunk.length);
    }
    return Readable.prototype.push.call(this, chunk);
  };
}

/**
 * A listener, one for all sessions, that calls back with a session that exceeds `burst` times at
 * once and `perSecond` times a second.
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
