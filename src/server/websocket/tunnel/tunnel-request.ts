import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { maxTimerMs } from "../../../async/max-timer.js";

/*
 * A tunnelled call has the headers of its opening message, and those that an HTTP request on the
 * same connection would have had in addition: cookies, the user agent, what proxies say about the
 * client. A client must not be able to overwrite what a proxy writes.
 */

/** Hop-by-hop headers, and those of the handshake or about a body: not the call's. */
const ofTheHandshake =
  /^(connection|keep-alive|upgrade|te|trailer|transfer-encoding|expect|http2-settings|accept|accept-encoding|cache-control|pragma|content-.*|proxy-.*|sec-websocket-.*)$/;

/** Headers that a browser or a proxy sets, and that an opening message may not have. */
const neverInOpening =
  /^(connection|keep-alive|upgrade|te|trailer|transfer-encoding|expect|http2-settings|content-length|host|origin|cookie|forwarded|x-forwarded-.*|x-real-ip|via|proxy-.*|sec-.*)$/;

/** The two that the handshake has for itself, and that the call may set better. */
const betterInOpening = new Set(["authorization", "user-agent"]);

/** The headers of a call, from its handshake and its opening message. */
export function mergeHeaders(handshake: IncomingMessage, opening: Headers): Headers {
  const merged = new Headers();
  for (const [name, value] of opening) {
    if (!neverInOpening.test(name)) {
      merged.append(name, value);
    }
  }
  for (const [name, value] of Object.entries(handshake.headers)) {
    const inOpening = betterInOpening.has(name) && merged.has(name);
    if (value !== undefined && !ofTheHandshake.test(name) && !inOpening) {
      merged.set(name, Array.isArray(value) ? value.join(", ") : value);
    }
  }
  return merged;
}

/**
 * Removes the deadline from a call's headers if it is so far away that Connect's own timer would
 * end the call at once.
 */
export function dropLongTimeout(header: Headers): void {
  const timeout = header.get("connect-timeout-ms") ?? "";
  if (/^\d{1,10}$/.test(timeout) && Number(timeout) > maxTimerMs) {
    header.delete("connect-timeout-ms");
  }
}

/** The URL that the call would have had as an HTTP request to this path. */
export function callUrl(handshake: IncomingMessage, path: string): string {
  const scheme = handshake.socket instanceof TLSSocket ? "https" : "http";
  const origin = `${scheme}://${handshake.headers.host ?? ""}`;
  // The client writes the host, and may write an invalid one.
  return new URL(path, URL.canParse(origin) ? origin : `${scheme}://localhost`).toString();
}
