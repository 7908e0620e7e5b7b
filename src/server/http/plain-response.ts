import { defineKind } from "../../errors/define.js";

/** An answer that needs no handler. */
export interface PlainResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The answer's headers for HTTP/2, which has none about the connection (RFC 9113, 8.2.2). */
export function http2Headers({ headers }: PlainResponse): Record<string, string> {
  const { connection, upgrade, ...rest } = headers;
  return rest;
}

/** An answer of one line of text. */
export function plainResponse(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): PlainResponse {
  const body = `${text}\n`;
  return {
    status,
    body,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "content-length": String(Buffer.byteLength(body)),
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...headers,
    },
  };
}

/** Defines a refusal over plain HTTP: its status, and a line of text that says what is right. */
export function defineRefusal<const Text extends string>(status: number, text: Text) {
  const make = (text: string, { headers }: Partial<Pick<PlainResponse, "headers">>) =>
    plainResponse(status, text, headers);
  return defineKind(text, { status }, make);
}
