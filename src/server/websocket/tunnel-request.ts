import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";

/*
 * A tunnelled call has the headers of its head message, and what an HTTP request on the
 * same connection would have carried besides: cookies, the user agent, what proxies say of
 * the client. What a proxy writes, a client must not be able to write over.
 */

/** Of one hop, of the handshake alone, or about a body: not the call's. */
const ofTheHandshake =
  /^(connection|keep-alive|upgrade|te|trailer|transfer-encoding|expect|http2-settings|accept|accept-encoding|cache-control|pragma|content-.*|proxy-.*|sec-websocket-.*)$/;

/** What a browser or a proxy sets, and nobody in a head message. */
const neverInTheHead =
  /^(connection|keep-alive|upgrade|te|trailer|transfer-encoding|expect|http2-settings|content-length|host|origin|cookie|forwarded|x-forwarded-.*|x-real-ip|via|proxy-.*|sec-.*)$/;

/** The two that the handshake has for itself and the call may say better. */
const betterInTheHead = new Set(["authorization", "user-agent"]);

/** Longest deadline that timers take, in milliseconds; Connect's own would end at once. */
const longestTimeoutMs = 2 ** 31 - 1;

/**
 * The headers of a call, from its handshake and its head message. A deadline more than 24
 * days off is none.
 */
export function mergeHeaders(handshake: IncomingMessage, head: Headers): Headers {
  const merged = new Headers();
  for (const [name, value] of head) {
    if (!neverInTheHead.test(name)) {
      merged.append(name, value);
    }
  }
  for (const [name, value] of Object.entries(handshake.headers)) {
    const inHead = betterInTheHead.has(name) && merged.has(name);
    if (value !== undefined && !ofTheHandshake.test(name) && !inHead) {
      merged.set(name, Array.isArray(value) ? value.join(", ") : value);
    }
  }
  const timeout = merged.get("connect-timeout-ms") ?? "";
  if (/^\d{1,10}$/.test(timeout) && Number(timeout) > longestTimeoutMs) {
    merged.delete("connect-timeout-ms");
  }
  return merged;
}

/** The URL that the call would have had as an HTTP request to this path. */
export function callUrl(handshake: IncomingMessage, path: string): string {
  const scheme = handshake.socket instanceof TLSSocket ? "https" : "http";
  const origin = `${scheme}://${handshake.headers.host ?? ""}`;
  // Whoever asks writes the host, and may write what is none.
  return new URL(path, URL.canParse(origin) ? origin : `${scheme}://localhost`).toString();
}
