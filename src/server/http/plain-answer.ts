/** An answer that needs no handler. */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The answer's headers for HTTP/2, which has none about the connection (RFC 9113, 8.2.2). */
export function http2Headers({ headers }: PlainAnswer): Record<string, string> {
  const { connection, upgrade, ...rest } = headers;
  return rest;
}

/** An answer of one line of text. */
export function plainAnswer(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): PlainAnswer {
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
