import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { createAuthority } from "../support/certificates.js";
import { startChatter } from "../support/chatter-server.js";
import {
  callHeaders,
  flag,
  frame,
  frameType,
  headerBlock,
  initialWindowSize,
  parseFrames,
  preface,
  settings,
  settingsAck,
  uint32,
} from "../support/http2-frames.js";
import { envelope } from "../support/raw-http2.js";
import { until } from "../support/streams.js";

const streams = [1, 3, 5, 7];
const messages = 3000;
const largeWindow = 2 ** 28;

async function open(url: string, ca?: string): Promise<Socket> {
  const port = Number(new URL(url).port);
  const socket = ca
    ? connectTls({ host: "127.0.0.1", port, ca, ALPNProtocols: ["h2"] })
    : connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  await once(socket, ca ? "secureConnect" : "connect");
  return socket;
}

test.each(["in cleartext", "over TLS"])(
  "a connection whose small frames are read in turns continues to its end, %s, however its peer reads",
  async (how) => {
    const authority = createAuthority();
    const tls = how === "over TLS" ? authority.issue() : undefined;
    const server = await startChatter({}, { tls });
    const socket = await open(server.url, tls && authority.cert);
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    const path = "/chatter.v1.ChatterService/Echoer";
    const block = headerBlock(callHeaders(path, server.headers));
    socket.write(
      Buffer.concat([
        preface,
        settings({ [initialWindowSize]: largeWindow }),
        frame(frameType.windowUpdate, 0, 0, uint32(largeWindow)),
        settingsAck(),
        ...streams.map((stream) => frame(frameType.headers, flag.endHeaders, stream, block)),
      ]),
    );
    const text = "x".repeat(50);
    const message = envelope(Buffer.concat([Buffer.of(0x0a, text.length), Buffer.from(text)]));
    const round = Buffer.concat(streams.map((stream) => frame(frameType.data, 0, stream, message)));
    for (let sent = 0; sent < messages; sent += 100) {
      socket.write(Buffer.concat(Array.from({ length: 100 }, () => round)));
      // What the server writes fills up, and empties again.
      socket[sent % 1000 === 0 ? "resume" : "pause"]();
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const stream of streams) {
      socket.write(frame(frameType.data, flag.endStream, stream));
    }
    socket.resume();
    const ended = () =>
      parseFrames(Buffer.concat(chunks)).filter(
        ({ type, flags }) => type === frameType.headers && (flags & flag.endStream) !== 0,
      );
    await until(() => ended().length === streams.length, "all calls have ended");
    expect(server.log.head).toBe(streams.length * messages);
  },
);
