import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
} from "node:http2";
import { onTestFinished } from "vitest";

/** What came back on a stream of HTTP/2. */
export interface RawAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders;
  /** The code of RST_STREAM; 0 also if there was none. */
  readonly reset: number;
}

/** A connection of Node's own HTTP/2 client, destroyed after the test. */
export async function connectHttp2(
  url: string,
  options: SecureClientSessionOptions = {},
): Promise<ClientHttp2Session> {
  const session = connect(url, options);
  session.on("error", () => {}); // A test that cares listens itself.
  onTestFinished(() => session.destroy());
  await once(session, "connect");
  return session;
}

/** Opens a POST and leaves it open for writing. */
export function post(
  session: ClientHttp2Session,
  path: string,
  headers: Record<string, string>,
): ClientHttp2Stream {
  const stream = session.request({ ":method": "POST", ":path": path, ...headers });
  stream.on("error", () => {}); // What `answerOf` says is what the server did.
  return stream;
}

/** Reads a stream to its end, whichever way it ends. */
export async function answerOf(stream: ClientHttp2Stream): Promise<RawAnswer> {
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  stream.on("response", (received) => {
    headers = received;
  });
  stream.on("trailers", (received) => {
    trailers = received;
  });
  stream.on("data", (chunk) => chunks.push(chunk));
  await once(stream, "close");
  return { headers, body: Buffer.concat(chunks), trailers, reset: stream.rstCode ?? 0 };
}

/** A message in its envelope. */
export function envelope(message: Uint8Array | string, flags = 0): Buffer {
  const payload = Buffer.from(message);
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(payload.length, 1);
  return Buffer.concat([head, payload]);
}
