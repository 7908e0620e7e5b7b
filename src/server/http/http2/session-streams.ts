import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from "node:http2";

/** Called with the streams of a server's sessions. */
export interface StreamObserver {
  opened(stream: ServerHttp2Stream, session: ServerHttp2Session): void;
  closed(stream: ServerHttp2Stream, session: ServerHttp2Session): void;
}

/*
 * What is known of streams and sessions is a property of theirs: a WeakMap takes several times as
 * long at each garbage collection as a short call does.
 */

const ofSession = Symbol("session");

interface Observed extends ServerHttp2Stream {
  [ofSession]?: ServerHttp2Session;
}

/** The session of an observed stream, also of one that has closed, which has lost it. */
export function sessionOf(stream: ServerHttp2Stream): ServerHttp2Session {
  return (stream as Observed)[ofSession]!;
}

/**
 * Observes the streams of all sessions, with the same listeners for all of them: tens of thousands
 * may be idle, and a third listener of an event makes room for 17.
 */
export function observeStreams(server: Http2Server, observers: readonly StreamObserver[]): void {
  function onClose(this: ServerHttp2Stream): void {
    const session = sessionOf(this);
    for (const observer of observers) {
      observer.closed(this, session);
    }
  }
  function onStream(this: ServerHttp2Session, stream: ServerHttp2Stream): void {
    (stream as Observed)[ofSession] = this;
    for (const observer of observers) {
      observer.opened(stream, this);
    }
    stream.on("close", onClose); // It comes once: `once` would hold a wrapper.
  }
  server.on("session", (session) => session.on("stream", onStream));
}
