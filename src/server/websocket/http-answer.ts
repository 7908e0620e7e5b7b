import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

/** An answer to an upgrade that is refused: ordinary HTTP, and the end of the connection. */
export interface HttpAnswer {
  readonly status: number;
  /** Besides those of the body and the connection. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: none. Its type is "text/plain; charset=utf-8" unless `headers` say otherwise. */
  readonly body?: string;
}

const lingerMs = 2_000;

/**
 * Writes the answer to the bare socket of an upgrade request; to HEAD without its body.
 * What the client still sends is read and dropped for a moment: closing at once would
 * reset the connection, and the client could lose the answer.
 */
export function writeHttpAnswer(
  { method }: IncomingMessage,
  socket: Duplex,
  answer: HttpAnswer,
): void {
  const body = Buffer.from(answer.body ?? "");
  const headers: Record<string, string> = {
    Connection: "close",
    "Content-Length": String(body.length),
    ...(body.length > 0 ? { "Content-Type": "text/plain; charset=utf-8" } : {}),
    ...answer.headers,
  };
  const lines = [`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ""}`];
  for (const [name, value] of Object.entries(headers)) {
    lines.push(`${name}: ${value}`);
  }
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once("close", () => clearTimeout(timer));
  socket.once("end", () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.end(
    Buffer.concat([
      Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"),
      method === "HEAD" ? Buffer.alloc(0) : body,
    ]),
  );
  socket.resume();
}
