import type { Http2Server, ServerHttp2Session } from "node:http2";

/** How often a session is pinged, in milliseconds. */
const intervalMs = 25_000;
/** A session that has not answered so many pings in a row is gone. */
const missedPings = 2;

export interface SessionPings {
  /** Milliseconds between pings. Default: 25,000. */
  readonly pingIntervalMs?: number;
  /** Told of each session that is destroyed because its peer answers no pings. */
  readonly onSilent?: () => void;
}

/**
 * Pings every HTTP/2 session, and destroys those whose peer has gone without a word: a
 * stream without traffic would otherwise stay open for ever.
 */
export function pingSessions(
  server: Http2Server,
  { pingIntervalMs = intervalMs, onSilent }: SessionPings = {},
): void {
  server.on("session", (session: ServerHttp2Session) => {
    let unanswered = 0;
    const timer = setInterval(() => {
      if (unanswered >= missedPings) {
        session.destroy();
        onSilent?.();
        return;
      }
      unanswered++;
      session.ping((error) => {
        if (!error) {
          unanswered = 0;
        }
      });
    }, pingIntervalMs);
    timer.unref();
    session.on("close", () => clearInterval(timer));
  });
}
