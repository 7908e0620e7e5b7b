import { once } from "node:events";
import { constants } from "node:http2";
import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import {
  callHeaders,
  flag,
  frame,
  frameType,
  goawayCodes,
  headerBlock,
  preface,
  resetCodes,
  settings,
  settingsAck,
} from "../support/http2-frames.js";
import { openRawConnection } from "../support/raw-connection.js";
import { connectHttp2 } from "../support/raw-http2.js";
import { until } from "../support/streams.js";

test("a connection is told how many streams it may have, 20,000 unless set", async () => {
  for (const [limits, most] of [
    [{}, 20_000],
    [{ maxConnectionStreams: 7 }, 7],
  ] as const) {
    const { url } = await startChatter({ limits });
    const session = await connectHttp2(url);
    const [remote] = await once(session, "remoteSettings");
    expect(remote.maxConcurrentStreams).toBe(most);
  }
});

test("one stream more than a client could know of is refused, and the others go on", async () => {
  const server = await startChatter({ limits: { maxConnectionStreams: 3 } });
  const { socket, received } = await openRawConnection(server.url);
  const block = headerBlock(callHeaders("/chatter.v1.ChatterService/Echoer", server.headers));
  const open = (stream: number) => frame(frameType.headers, flag.endHeaders, stream, block);
  // Sent before the server's SETTINGS have come: it could not know better.
  socket.write(Buffer.concat([preface, settings(), open(1), open(3), open(5), open(7)]));
  await until(() => resetCodes(received()).size > 0, "a stream is refused");
  await until(() => server.chatter.openCalls === 3, "three streams are open");
  const [[stream, code] = []] = resetCodes(received());
  expect(stream).toBe(7);
  expect([constants.NGHTTP2_REFUSED_STREAM, constants.NGHTTP2_ENHANCE_YOUR_CALM]).toContain(code);
});

test("a client that knows the number and opens one more loses its connection", async () => {
  const server = await startChatter({ limits: { maxConnectionStreams: 3 } });
  const connection = await openRawConnection(server.url);
  const { socket, received } = connection;
  const block = headerBlock(callHeaders("/chatter.v1.ChatterService/Echoer", server.headers));
  const open = (stream: number) => frame(frameType.headers, flag.endHeaders, stream, block);
  socket.write(Buffer.concat([preface, settings()]));
  await until(() => received().length > 0, "the server's SETTINGS");
  socket.write(Buffer.concat([settingsAck(), open(1), open(3), open(5)]));
  await until(() => server.chatter.openCalls === 3, "three streams are open");
  expect(goawayCodes(received())).toEqual([]);
  socket.write(open(7));
  await until(() => connection.ended, "the connection is ended");
  await until(() => server.chatter.openCalls === 0, "its calls are over");
});
