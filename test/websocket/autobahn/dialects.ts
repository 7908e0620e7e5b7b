import { fromBinary } from "@bufbuild/protobuf";
import { EchoerResponseSchema } from "../../../src/gen/chatter_pb.js";
import { envelope, type RawWebSocket, text } from "../../support/websocket-raw.js";
import type { Kind, Wrapped, Wrapping } from "./frames.js";

export type DialectName = "goa" | "tunnel";

/** A dialect, by its method that echoes. */
export interface Dialect extends Wrapping {
  readonly name: DialectName;
  readonly path: string;
  readonly protocol: string | undefined;
  /** Sends what comes before the first message. */
  begin(socket: RawWebSocket, token: string): void;
  /** The texts that were echoed so far. */
  echoed(socket: RawWebSocket): string[];
}

/** Puts something around a message. */
function around(before: Uint8Array, parts: readonly Buffer[], after = ""): Buffer[] {
  return parts.map((part, i) =>
    Buffer.concat([
      ...(i === 0 ? [before] : []),
      part,
      ...(i === parts.length - 1 ? [Buffer.from(after)] : []),
    ]),
  );
}

/** The bytes of a JSON string, also of one that is not UTF-8. */
function escapeJson(bytes: Buffer): Buffer {
  const needsEscape = (byte: number) => byte < 0x20 || byte === 0x22 || byte === 0x5c;
  return Buffer.concat(
    [...bytes].map((byte) =>
      needsEscape(byte) ? Buffer.from(`\\u${byte.toString(16).padStart(4, "0")}`) : Buffer.of(byte),
    ),
  );
}

/** An empty message stays what it is. */
function isEmpty(parts: readonly Buffer[]): boolean {
  return parts.every(({ length }) => length === 0);
}

/** A message is a JSON string, whether in text or binary; it is echoed as text. */
const goa: Dialect = {
  name: "goa",
  path: "/echoer",
  protocol: undefined,
  echoes: "text",
  begin() {},
  echoed: ({ texts }) => texts.map((json) => JSON.parse(json)),
  wrap: (_, parts) =>
    isEmpty(parts)
      ? { parts, echoes: [] }
      : {
          parts: around(Buffer.from('"'), parts.map(escapeJson), '"'),
          echoes: [Buffer.concat(parts).toString()],
        },
  fill(_, bytes) {
    const message = Buffer.alloc(bytes, "*")
      .fill('"', 0, 1)
      .fill('"', bytes - 1);
    return { parts: [message], echoes: ["*".repeat(bytes - 2)] };
  },
};

/** Texts are control messages: credit for nothing, with a key that is ignored. */
const controlStart = '{"credit":0,"":"';
const controlEnd = '"}';
const emptyControl = '{"credit":0}';

function fillControl(bytes: number): Wrapped {
  const filler = bytes - controlStart.length - controlEnd.length;
  const control =
    filler < 0 ? emptyControl.padEnd(bytes) : controlStart + "*".repeat(filler) + controlEnd;
  return { parts: [Buffer.from(control)], echoes: [] };
}

/** The bytes before a text in an EchoerRequest. */
function requestStart(length: number): Buffer {
  const bytes = [0x0a];
  let rest = length;
  for (; rest > 127; rest >>>= 7) {
    bytes.push((rest & 127) | 128);
  }
  return Buffer.from([...bytes, rest]);
}

/** The most that stands before a text in an envelope. */
const longestStart = 5 + requestStart(65_536).length;
/** A larger message of the wire has several messages of the method. */
const mostText = 50_000;

/** An envelope that has this many bytes altogether, filled up by its text. */
function fillEnvelope(bytes: number): { readonly body: Buffer; readonly text: string } {
  for (let length = Math.max(bytes - longestStart, 1); ; length++) {
    const request = Buffer.concat([requestStart(length), Buffer.alloc(length, "*")]);
    if (request.length + 5 === bytes) {
      return { body: envelope(request), text: "*".repeat(length) };
    }
  }
}

function fillBody(bytes: number): Wrapped {
  const bodies: Buffer[] = [];
  const echoes: string[] = [];
  for (let left = bytes; left > 0; ) {
    const size = left > 65_536 ? mostText : left;
    const { body, text } = fillEnvelope(size);
    bodies.push(body);
    echoes.push(text);
    left -= size;
  }
  return { parts: [Buffer.concat(bodies)], echoes };
}

function wrapBody(parts: readonly Buffer[]): Wrapped {
  const content = Buffer.concat(parts);
  const start = requestStart(content.length);
  const prefix = envelope(Buffer.concat([start, content])).subarray(0, 5);
  return {
    parts: around(Buffer.concat([prefix, start]), parts),
    echoes: [content.toString()],
  };
}

/** The texts in a body of envelopes. */
function textsOf(body: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at + 5 <= body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    const isMessage = body[at] === 0;
    if (end <= body.length && isMessage) {
      texts.push(fromBinary(EchoerResponseSchema, body.subarray(at + 5, end)).message);
    }
    at = end;
  }
  return texts;
}

/** Binary messages are a body, and echoed; texts are controls, and are not. */
const tunnel: Dialect = {
  name: "tunnel",
  path: "/chatter.v1.ChatterService/Echoer",
  protocol: "connect-tunnel.v1",
  echoes: "binary",
  begin(socket, token) {
    const headers = {
      "content-type": ["application/connect+proto"],
      authorization: [`Bearer ${token}`],
    };
    socket.write(text(JSON.stringify({ headers })), text('{"credit":1000000000}'));
  },
  echoed: ({ body }) => textsOf(body),
  wrap(kind: Kind, parts) {
    if (isEmpty(parts)) {
      return { parts, echoes: [] };
    }
    return kind === "binary"
      ? wrapBody(parts)
      : {
          parts: around(Buffer.from(controlStart), parts.map(escapeJson), controlEnd),
          echoes: [],
        };
  },
  fill: (kind, bytes) => (kind === "binary" ? fillBody(bytes) : fillControl(bytes)),
};

export const dialects: readonly Dialect[] = [goa, tunnel];
