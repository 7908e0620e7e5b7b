import type { Server as HttpServer } from "node:http";
import type { Http2Server, ServerHttp2Session } from "node:http2";
import { maxTimerMs } from "../../async/max-timer.js";
import { type Limits, withJitter } from "../limits/limits.js";
import { announceEnd, retireSession } from "./http2/session-end.js";

/** How long a client that saw the first GOAWAY late may still open streams, in milliseconds. */
const noticeMs = 1000;
const highestStream = 2 ** 31 - 1;

/**
 * Makes connections of a certain age accept no more calls: HTTP/2 by GOAWAY, HTTP/1.1 by
 * `Connection: close` with the next answer. Calls in progress continue to their end.
 */
export function limitConnectionAge(
  http1: HttpServer,
  http2: Http2Server,
  { maxConnectionAgeMs }: Pick<Limits, "maxConnectionAgeMs">,
): void {
  if (maxConnectionAgeMs === 0) {
    return;
  }
  http2.on("session", (session) => {
    const age = Math.min(withJitter(maxConnectionAgeMs), maxTimerMs);
    const timer = setTimeout(() => retire(session), age).unref();
    session.on("close", () => clearTimeout(timer));
  });
  const oldAt = new WeakMap<object, number>();
  http1.on("connection", (socket) => {
    // A connection that requested another upgrade than a WebSocket comes twice.
    if (!oldAt.has(socket)) {
      oldAt.set(socket, performance.now() + withJitter(maxConnectionAgeMs));
    }
  });
  http1.prependListener("request", ({ socket }, response) => {
    if (performance.now() >= oldAt.get(socket)!) {
      response.setHeader("connection", "close");
    }
  });
}

/** Announces the end first, so that no call that is under way to the server is lost. */
function retire(session: ServerHttp2Session): void {
  announceEnd(session, highestStream);
  const timer = setTimeout(() => retireSession(session), noticeMs).unref();
  session.once("close", () => clearTimeout(timer));
}
