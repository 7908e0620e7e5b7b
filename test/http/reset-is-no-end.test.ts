import { constants } from "node:http2";
import { describe, expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import {
  callHeaders,
  flag,
  frame,
  frameType,
  headerBlock,
  preface,
  settings,
  uint32,
} from "../support/http2-frames.js";
import { openRawConnection } from "../support/raw-connection.js";
import { envelope } from "../support/raw-http2.js";
import { until } from "../support/streams.js";

/** An upload to a method whose first message is stored; the codes of calls that have ended. */
async function beginUpload(method: string) {
  const codes: unknown[] = [];
  const note = (fields: object) => void codes.push((fields as { code: unknown }).code);
  const server = await startChatter({ logger: { info: note, error: note } });
  const { socket } = await openRawConnection(server.url);
  const head = headerBlock(callHeaders(`/chatter.v1.ChatterService/${method}`, server.headers));
  socket.write(
    Buffer.concat([
      preface,
      settings(),
      frame(frameType.headers, flag.endHeaders, 1, head),
      frame(frameType.data, 0, 1, envelope("\n\u0001a")),
    ]),
  );
  await until(() => server.log.head === 1, "the message is stored");
  return { socket, codes };
}

describe.each(["Listener", "Summary", "Echoer"])(
  "an upload to %s is cancelled, not ended,",
  (method) => {
    test("if it is reset without an error code", async () => {
      const { socket, codes } = await beginUpload(method);
      socket.write(frame(frameType.rstStream, 0, 1, uint32(constants.NGHTTP2_NO_ERROR)));
      await until(() => codes.length === 1, "the call has ended");
      expect(codes).toEqual(["canceled"]);
    });

    test("if its connection is closed", async () => {
      const { socket, codes } = await beginUpload(method);
      socket.end();
      await until(() => codes.length === 1, "the call has ended");
      expect(codes).toEqual(["canceled"]);
    });

    test("if its connection is cut", async () => {
      const { socket, codes } = await beginUpload(method);
      socket.resetAndDestroy();
      await until(() => codes.length === 1, "the call has ended");
      expect(codes).toEqual(["canceled"]);
    });
  },
);
