import { type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { Limits } from "../limits/limits.js";
import { headersTooLarge } from "./header-bytes.js";
import type { PlainResponse } from "./plain-response.js";

/** What Node reports about a request over HTTP/1.1 that it cannot read, by the error's code. */
const statuses: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/**
 * Answers what Node cannot read of HTTP/1.1 as Node does, with a status and the end of the
 * connection; if the headers are too large, with a line of text too, and it is counted.
 */
export function answerClientErrors(
  server: Server,
  { maxHeaderBytes, onRefused }: Pick<Limits, "maxHeaderBytes" | "onRefused">,
): void {
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    const status = statuses[error.code ?? ""] ?? 400;
    if (status === 431) {
      onRefused("header_bytes");
    }
    // A response in progress must not be written into.
    const current = (socket as Duplex & { _httpMessage?: ServerResponse | null })._httpMessage;
    if (socket.writable && !current?.headersSent) {
      socket.write(
        status === 431 ? withBody(headersTooLarge(maxHeaderBytes)) : `${headersOf(status)}\r\n`,
      );
    }
    socket.destroy(error);
  });
}

function headersOf(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n`;
}

function withBody({ status, headers, body }: PlainResponse): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${headersOf(status)}${lines.join("")}\r\n${body}`;
}
