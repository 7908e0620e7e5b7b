import { retryAfter, retryLaterMs } from "../limits/over-limit.js";
import { cleartextOnTls, tooManyConnections } from "./errors.js";

/* What is written to a connection that no server gets, before it is closed. */

/** To a client that speaks HTTP/1.1 and whose address has too many connections. */
export const http1Refusal = answer(
  `429 Too Many Requests\r\nRetry-After: ${retryAfter(retryLaterMs)}`,
  tooManyConnections.text,
);

/** To such a client that speaks HTTP/2: SETTINGS, and GOAWAY with ENHANCE_YOUR_CALM. */
export const http2Refusal = goAway(`${tooManyConnections.text}\n`);

/** To a client that speaks HTTP where TLS is due. */
export const cleartextRefusal = answer("400 Bad Request", cleartextOnTls.text);

/** To a client that begins as HTTP/2 does, and continues with something else. */
export const brokenPrefaceRefusal = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";

function answer(status: string, text: string): string {
  const headers = `Connection: close\r\nContent-Type: text/plain\r\nContent-Length: ${text.length + 1}`;
  return `HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${text}\n`;
}

function goAway(text: string): Uint8Array {
  return Buffer.concat([
    Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
    Buffer.from([0, 0, 8 + text.length, 7, 0, 0, 0, 0, 0]),
    Buffer.from([0, 0, 0, 0, 0, 0, 0, 11]),
    Buffer.from(text),
  ]);
}
