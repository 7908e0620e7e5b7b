import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import {
  callHeaders,
  enhanceYourCalm,
  flag,
  frame,
  frameType,
  goawayCodes,
  headerBlock,
  preface,
  settings,
  settingsAck,
} from "../support/http2-frames.js";
import { openRawConnection } from "../support/raw-connection.js";
import { envelope } from "../support/raw-http2.js";
import { until } from "../support/streams.js";

/** Opens some posts, and sends a message on each in turn, in DATA frames of this many bytes. */
async function postInPieces(chunkBytes: number, frames: number) {
  const refused: string[] = [];
  const server = await startChatter({ limits: { onRefused: (limit) => refused.push(limit) } });
  const connection = await openRawConnection(server.url);
  const { socket, received } = connection;
  const streams = [1, 3, 5, 7];
  const path = "/chatter.v1.ChatterService/Listener";
  const block = headerBlock(callHeaders(path, server.headers));
  socket.write(Buffer.concat([preface, settings(), settingsAck()]));
  const message = envelope(Buffer.alloc(400_000)); // It is never complete.
  for (const stream of streams) {
    socket.write(frame(frameType.headers, flag.endHeaders, stream, block));
    socket.write(frame(frameType.data, 0, stream, message.subarray(0, 5)));
  }
  const chunk = message.subarray(5, 5 + chunkBytes);
  const round = Buffer.concat(streams.map((stream) => frame(frameType.data, 0, stream, chunk)));
  for (let sent = 0; sent < frames && !connection.ended; sent += streams.length * 100) {
    socket.write(Buffer.concat(Array.from({ length: 100 }, () => round)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { server, connection, received, refused };
}

test("10,000 DATA frames of less than 3 bytes each end their connection, whatever their streams", async () => {
  const { connection, received, refused } = await postInPieces(2, 12_000);
  await until(() => connection.ended, "the connection is ended");
  expect(goawayCodes(received())).toEqual([enhanceYourCalm]);
  expect(refused).toEqual(["http2_flood"]);
});

test("as many of 3 bytes do not", async () => {
  const { server, connection, refused } = await postInPieces(3, 24_000);
  const before = connection.received().length;
  connection.socket.write(frame(frameType.ping, 0, 0, Buffer.alloc(8)));
  await until(() => connection.received().length > before, "its PING is answered");
  expect([connection.ended, refused, server.chatter.openCalls]).toEqual([false, [], 4]);
});
