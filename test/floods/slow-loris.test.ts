import { expect, test } from "vitest";
import { servedDuring } from "../support/bystander.js";
import {
  callHeaders,
  flag,
  frame,
  frameType,
  headerBlock,
  preface,
  settings,
  settingsAck,
} from "../support/http2-frames.js";
import { openRawConnection, type RawConnection } from "../support/raw-connection.js";
import { startServerProcess } from "../support/server-process.js";
import { rounds, until } from "../support/streams.js";

const upgrade =
  "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
const service = "/chatter.v1.ChatterService";
/** The header of a masked text frame of 1,000 bytes. */
const halfFrame = Buffer.from([0x81, 0xfe, 0x03, 0xe8, 0, 0, 0, 0]);
const login = headerBlock(callHeaders(`${service}/Login`));
const http2 = Buffer.concat([preface, settings(), settingsAck()]);

/** The endless part of headers. */
const headByte = Buffer.from("y");
/** The endless part elsewhere, in a frame or a body. */
const bodyByte = Buffer.from(" ");

/** How each kind of slow peer begins; then comes a byte every tenth of a second. */
function beginnings(token: string): Record<string, (string | Buffer)[]> {
  const authorization = `Authorization: Bearer ${token}\r\n`;
  return {
    "HTTP/1.1: headers": [`POST ${service}/Login HTTP/1.1\r\nHost: x\r\nx: `],
    "HTTP/1.1: body": [
      `POST ${service}/Login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`,
      "Content-Length: 100000\r\n\r\n",
    ],
    "HTTP/2: preface": [preface.subarray(0, 1)],
    "HTTP/2: half a frame's header": [http2, Buffer.of(0, 0)],
    "HTTP/2: half a block of headers": [http2, frame(frameType.headers, 0, 1, login)],
    "HTTP/2: half a message": [
      http2,
      frame(frameType.headers, flag.endHeaders, 1, login),
      frame(frameType.data, 0, 1, Buffer.alloc(3)),
    ],
    "WebSocket: handshake": [`GET /echoer HTTP/1.1\r\n${upgrade}x: `],
    "WebSocket: half a frame": [
      `GET /echoer HTTP/1.1\r\n${upgrade}${authorization}\r\n`,
      halfFrame,
    ],
    "WebSocket tunnel: half an opening message": [
      `GET ${service}/Login HTTP/1.1\r\n${upgrade}Sec-WebSocket-Protocol: connect-tunnel.v1\r\n\r\n`,
      halfFrame,
    ],
  };
}

/** The next byte of a peer that has sent this many. */
function nextByte(kind: string, sent: number): Buffer {
  switch (kind) {
    case "HTTP/1.1: headers":
    case "WebSocket: handshake":
      return headByte;
    case "HTTP/2: preface":
      return preface.subarray(1 + sent, 2 + sent);
    default:
      return bodyByte;
  }
}

const ofEachKind = Math.min(rounds(20), 400);

test("slow peers of every kind are ended in time, and others are served", async () => {
  const server = await startServerProcess({
    limits: { requestTimeoutMs: 1000 },
    handshakeTimeoutMs: 1000,
    pingIntervalMs: 300,
  });
  const kinds = Object.entries(beginnings(server.token));
  const before = await server.state();
  const slow: { readonly kind: string; readonly connection: RawConnection; sent: number }[] = [];
  const lasted = new Map<string, number>();
  const stillOpen = () => slow.filter(({ connection }) => !connection.ended);
  const trickle = setInterval(() => {
    for (const peer of stillOpen()) {
      peer.connection.socket.write(nextByte(peer.kind, peer.sent++));
    }
  }, 100);
  try {
    await servedDuring(`${kinds.length * ofEachKind} slow peers`, server, async () => {
      for (const [kind, parts] of kinds) {
        for (let i = 0; i < ofEachKind; i++) {
          const connection = await openRawConnection(server.url);
          slow.push({ kind, connection, sent: 0 });
          const begun = performance.now();
          connection.socket.once("close", () => lasted.set(kind, performance.now() - begun));
          for (const part of parts) {
            connection.socket.write(part);
          }
        }
      }
      await until(() => stillOpen().length === 0, "all are ended").catch(() => {});
    });
    expect(new Set(stillOpen().map(({ kind }) => kind))).toEqual(new Set());
    const after = await server.state();
    console.info(
      [...lasted].map(([kind, ms]) => `${kind}: cut after ${(ms / 1000).toFixed(1)} s`).join("\n"),
      `\nheap ${before.heapMb} to ${after.heapMb} MB, RSS ${before.rssMb} to ${after.rssMb} MB`,
    );
    expect(after.openCalls).toBe(0);
    expect(after.heapMb - before.heapMb).toBeLessThan(30);
  } finally {
    clearInterval(trickle);
    await server.stop();
  }
}, 60_000);
