import type { Attack } from "./attack.js";
import { AttackerSocket, untilEnded } from "./attacker-socket.js";

const crlf = "\r\n";
const service = "chatter.v1.ChatterService";

/** First messages of 512 KiB that lack their last byte. */
const halfMessages: Attack = {
  name: "half-websocket-messages",
  title: "1,000 WebSockets, each with a first message of 512 KiB that lacks its last byte",
  withToken: false,
  run: ({ port }, signal) => {
    const size = 512 * 1024;
    const whole = webSocketFrame(1, Buffer.alloc(size, 0x20));
    return openMany(port, 1000, signal, async (socket) => {
      await socket.write(tunnelUpgrade(`/${service}/Login`));
      await socket.write(whole.subarray(0, whole.length - 1));
    });
  },
};

/** Reflection whose answers are not read, and 8 MiB of requests. */
const unreadReflection: Attack = {
  name: "unread-reflection",
  title: "100 reflection calls through the tunnel, 8 MiB each, whose answers are not taken",
  withToken: false,
  run: ({ port }, signal) => {
    // file_containing_symbol, the fourth field.
    const request = Buffer.concat([Buffer.of(0x22, service.length), Buffer.from(service)]);
    const requests = Buffer.concat(Array<Buffer>(60).fill(envelope(request)));
    const symbol = Buffer.concat([Buffer.of(0x22, 0x80, 0x78), Buffer.alloc(0x3c00, 97)]);
    const long = webSocketFrame(2, Buffer.concat(Array<Buffer>(4).fill(envelope(symbol))));
    const head = JSON.stringify({
      headers: { "content-type": ["application/connect+proto"], "connect-protocol-version": ["1"] },
    });
    return openMany(port, 100, signal, async (socket) => {
      await socket.write(
        tunnelUpgrade("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
      );
      await socket.write(
        Buffer.concat([webSocketFrame(1, Buffer.from(head)), webSocketFrame(2, requests)]),
      );
      for (let sent = 0; sent < 150 && !socket.ended && !signal.aborted; sent++) {
        await socket.write(long);
      }
    });
  },
};

export const webSocketAttacks: readonly Attack[] = [halfMessages, unreadReflection];

/** Opens connections, runs a task with each, all at once, and keeps them open. */
async function openMany(
  port: number,
  count: number,
  signal: AbortSignal,
  play: (socket: AttackerSocket) => Promise<void>,
): Promise<void> {
  const played: Promise<void>[] = [];
  while (played.length < count && !signal.aborted) {
    const socket = await AttackerSocket.open(port, signal);
    if (socket) {
      socket.drain();
      played.push(play(socket).then(() => untilEnded(socket, signal)));
    }
  }
  await Promise.all(played);
}

function tunnelUpgrade(path: string): Buffer {
  const lines = [
    `GET ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Protocol: connect-tunnel.v1",
  ];
  return Buffer.from(lines.join(crlf) + crlf + crlf);
}

/** A frame with a mask of zeros. */
function webSocketFrame(opcode: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(14);
  head[0] = 0x80 | opcode;
  head[1] = 0xff;
  head.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([head, payload]);
}

function envelope(payload: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(payload.length, 1);
  return Buffer.concat([prefix, payload]);
}
