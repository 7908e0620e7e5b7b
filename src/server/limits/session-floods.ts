import {
  constants,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Limits } from "./limits.js";

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
    if (!session.destroyed) {
      onRefused("http2_flood");
      // By its types it takes an error first; by its documentation it needs none.
      session.destroy(constants.NGHTTP2_ENHANCE_YOUR_CALM as never);
    }
  };
  const onPing = whenTooMany(pings, end);
  const onSettings = whenTooMany(settings, end);
  const onReset = whenTooMany(resets, end);
  server.on("session", (session) => {
    session.on("ping", onPing).on("remoteSettings", onSettings);
    function onClose(this: ServerHttp2Stream) {
      if (this.rstCode !== constants.NGHTTP2_NO_ERROR) {
        onReset.call(session);
      }
    }
    session.on("stream", (stream) => stream.on("close", onClose));
  });
}

/**
 * A listener, one for all sessions, that calls back with a session which was heard more often
 * than so many times at once, and so many a second.
 */
function whenTooMany(
  { burst, perSecond }: { readonly burst: number; readonly perSecond: number },
  callback: (session: ServerHttp2Session) => void,
) {
  const heard = new WeakMap<ServerHttp2Session, { left: number; since: number }>();
  return function hear(this: ServerHttp2Session): void {
    const now = performance.now();
    const { left, since } = heard.get(this) ?? { left: burst, since: now };
    const rest = Math.min(burst, left + ((now - since) * perSecond) / 1000) - 1;
    heard.set(this, { left: rest, since: now });
    if (rest < 0) {
      callback(this);
    }
  };
}
