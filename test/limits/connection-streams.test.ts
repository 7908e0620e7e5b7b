import { once, setMaxListeners } from "node:events";
import { constants } from "node:http2";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
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
import { answerOf, connectHttp2, envelope, post } from "../support/raw-http2.js";
import { errorOf, until } from "../support/streams.js";
import { clientOf, wires } from "../support/wires.js";

test("a connection gets the number of streams that it may have, 20,000 unless set, and 100 before its first valid token", async () => {
  for (const [limits, first, most] of [
    [{}, 100, 20_000],
    [{ maxConnectionStreams: 101 }, 100, 101],
    [{ maxConnectionStreams: 7 }, 7, 7],
  ] as const) {
    const server = await startChatter({ limits });
    const session = await connectHttp2(server.url);
    const [remote] = await once(session, "remoteSettings");
    expect(remote.maxConcurrentStreams).toBe(first);
    const call = (token: string) =>
      answerOf(
        post(session, "/chatter.v1.ChatterService/History", {
          "content-type": "application/grpc",
          authorization: `Bearer ${token}`,
        }).end(envelope("")),
      );
    await call("nonsense");
    await answerOf(session.request({ ":path": "/livez" }));
    expect(session.remoteSettings.maxConcurrentStreams).toBe(first);
    await call(server.token);
    expect(session.remoteSettings.maxConcurrentStreams).toBe(most);
  }
});

test("a trusted proxy, whose connection is that of many clients, may have all from the start", async () => {
  const { url } = await startChatter({ trustedProxies: ["127.0.0.1"] });
  const session = await connectHttp2(url);
  const most = () => session.remoteSettings.maxConcurrentStreams;
  await until(() => most() === 20_000, "it gets that");
});

test.each(wires.filter(({ name }) => name.includes("HTTP/2")))(
  "calls that wait for their first token's answer continue at once, over $name",
  async (wire) => {
    const server = await startChatter();
    const client = clientOf(server, wire);
    const ended = new AbortController();
    setMaxListeners(0, ended.signal); // Each call has one.
    const calls = Array.from({ length: 250 }, () =>
      errorOf(client.subscribe({}, { signal: ended.signal })),
    );
    await until(() => server.chatter.openCalls === 250, "all are open");
    ended.abort();
    await Promise.all(calls);
  },
);

test("grpc-js: calls that wait for their first token's answer continue at once", async () => {
  const server = await startChatter();
  const client = new Client(new URL(server.url).host, credentials.createInsecure());
  onTestFinished(() => client.close());
  const metadata = new Metadata();
  metadata.set("authorization", server.headers.authorization);
  const path = "/chatter.v1.ChatterService/Subscribe";
  const same = (bytes: Buffer) => bytes;
  for (let i = 0; i < 250; i++) {
    client
      .makeServerStreamRequest(path, same, same, Buffer.alloc(0), metadata)
      .on("error", () => {}) // It is cut at the end.
      .resume();
  }
  await until(() => server.chatter.openCalls === 250, "all are open");
});

test("one stream more than a client could know of is refused, and the others continue", async () => {
  const server = await startChatter({ limits: { maxConnectionStreams: 3 } });
  const { socket, received } = await openRawConnection(server.url);
  const block = headerBlock(callHeaders("/chatter.v1.ChatterService/Echoer", server.headers));
  const open = (stream: number) => frame(frameType.headers, flag.endHeaders, stream, block);
  // Sent before the server's SETTINGS have arrived: it could not know better.
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
