import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { IsTrustedProxy } from "../net/peer-address.js";
import { whenKnown } from "./authenticated-connections.js";
import type { Limits } from "./limits.js";

/** Streams that a connection may have open before it has shown a valid token. */
const unknownStreams = 100;

/** How many streams a connection may have open at first. */
export function firstStreams({ maxConnectionStreams }: Pick<Limits, "maxConnectionStreams">) {
  return Math.min(unknownStreams, maxConnectionStreams);
}

/**
 * Notifies connections that they may have all their streams: with the first valid token, so that
 * calls that wait for it at the client continue at once, and trusted proxies from the start,
 * because many clients share their connections.
 */
export function raiseStreams(
  server: Http2Server,
  { maxConnectionStreams }: Pick<Limits, "maxConnectionStreams">,
  isTrustedProxy: IsTrustedProxy,
): void {
  if (maxConnectionStreams <= unknownStreams) {
    return;
  }
  server.on("session", (session: ServerHttp2Session) => {
    const raise = () => {
      if (!session.destroyed) {
        session.settings({ maxConcurrentStreams: maxConnectionStreams });
      }
    };
    if (isTrustedProxy(session.socket.remoteAddress)) {
      raise();
    } else {
      whenKnown(session, raise);
    }
  });
}
