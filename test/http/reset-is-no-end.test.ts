import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { envelope } from "../support/raw-http2.js";
import { until } from "../support/streams.js";

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** HPACK: each field as a literal that is not indexed; values of under 16 KiB. */
function headerBlock(fields: Record<string, string>): Buffer {
  const text = (value: string) => {
    const bytes = Buffer.from(value);
    const rest = bytes.length - 127;
    const length = rest < 0 ? [bytes.length] : [127, (rest & 127) | 128, rest >> 7];
    return Buffer.concat([Buffer.from(length), bytes]);
  };
  return Buffer.concat(
    Object.entries(fields).flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]),
  );
}

/** An upload to a method whose first message is stored; the codes of calls that have ended. */
async function beginUpload(method: string) {
  const codes: unknown[] = [];
  const note = (fields: object) => void codes.push((fields as { code: unknown }).code);
  const server = await startChatter({ logger: { info: note, error: note } });
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(frame(4, 0, 0, Buffer.alloc(0)));
  const headers = headerBlock({
    ":method": "POST",
    ":scheme": "http",
    ":path": `/chatter.v1.ChatterService/${method}`,
    ":authority": "x",
    "content-type": "application/grpc",
    authorization: server.headers.authorization,
  });
  socket.write(frame(1, 4, 1, headers));
  socket.write(frame(0, 0, 1, envelope("\n\u0001a")));
  await until(() => server.log.head === 1, "the message is stored");
  return { socket, codes };
}

describe.each(["Listener", "Summary", "Echoer"])(
  "an upload to %s is cancelled, not ended,",
  (method) => {
    it("if it is reset without an error code", async () => {
      const { socket, codes } = await beginUpload(method);
      const noError = Buffer.alloc(4);
      socket.write(frame(3, 0, 1, noError));
      await until(() => codes.length === 1, "the call has ended");
      expect(codes).toEqual(["canceled"]);
    });

    it("if its connection is closed", async () => {
      const { socket, codes } = await beginUpload(method);
      socket.end();
      await until(() => codes.length === 1, "the call has ended");
      expect(codes).toEqual(["canceled"]);
    });

    it("if its connection is cut", async () => {
      const { socket, codes } = await beginUpload(method);
      socket.resetAndDestroy();
      await until(() => codes.length === 1, "the call has ended");
      expect(codes).toEqual(["canceled"]);
    });
  },
);
