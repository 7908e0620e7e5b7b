import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { endSession } from "./session-end.js";

/** How often a session is pinged, in milliseconds. */
const intervalMs = 25_000;
/** How many pings in a row a session may leave unanswered before it is considered gone. */
const missedPings = 2;
/** How many sessions are pinged in one turn of the event loop. */
const pingedAtOnce = 100;

export interface KeepaliveOptions {
  /** Milliseconds between pings. Default: 25,000. */
  readonly pingIntervalMs?: number;
  /** Called for each session that is destroyed because its peer does not answer pings. */
  readonly onSilent?: () => void;
}

/**
 * Pings every HTTP/2 session, and destroys those whose peer has silently gone: otherwise a stream
 * without traffic would stay open for ever. A session that was destroyed, for whatever reason, has
 * until the next ping to send what it has written; then its connection is cut, which would
 * otherwise stay open until a peer that does not read has read everything.
 */
export function keepSessionsAlive(
  server: Http2Server,
  { pingIntervalMs = intervalMs, onSilent }: KeepaliveOptions = {},
): void {
  /** For each session, how many pings in a row its peer has not answered. */
  const unanswered = new Map<ServerHttp2Session, number>();
  const sockets = new WeakMap<ServerHttp2Session, Socket>();
  /** The connection that becomes a session next. */
  let latest: Socket;
  let timer: NodeJS.Timeout | undefined;

  function ping(session: ServerHttp2Session): void {
    if (session.destroyed) {
      sockets.get(session)?.destroy();
      return;
    }
    const missed = unanswered.get(session)!;
    if (missed >= missedPings) {
      endSession(session);
      onSilent?.();
      return;
    }
    unanswered.set(session, missed + 1);
    const onAnswer = (error: Error | null) => {
      if (!error && unanswered.has(session)) {
        unanswered.set(session, 0);
      }
    };
    session.ping(onAnswer);
  }

  function pingSome(sessions: Iterator<ServerHttp2Session>): void {
    for (let left = pingedAtOnce; left > 0; left--) {
      const next = sessions.next();
      if (next.done) {
        return;
      }
      ping(next.value);
    }
    setImmediate(pingSome, sessions);
  }

  function forget(this: ServerHttp2Session): void {
    unanswered.delete(this);
    if (unanswered.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  }

  // A session does not expose its socket: Node creates the session from the connection
  // synchronously.
  server.prependListener("connection", (socket) => {
    latest = socket;
  });
  server.on("session", (session) => {
    sockets.set(session, latest);
    unanswered.set(session, 0);
    session.on("close", forget);
    timer ??= setInterval(() => pingSome(unanswered.keys()), pingIntervalMs).unref();
  });
}
