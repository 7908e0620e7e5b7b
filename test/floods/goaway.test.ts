import { expect, test } from "vitest";
import {
  callHeaders,
  flag,
  frame,
  frameType,
  goawayCodes,
  headerBlock,
  parseFrames,
  preface,
  settings,
} from "../support/http2-frames.js";
import { openRawConnection } from "../support/raw-connection.js";
import { startServerProcess } from "../support/server-process.js";
import { rounds, until } from "../support/streams.js";
import { clientOf } from "../support/wires.js";

/*
 * After a GOAWAY, Node ended the session from inside nghttp2's loop over its frames: a frame of a
 * wrong size behind it aborted the process (CVE-2026-27135), a new stream corrupted the heap.
 */

const call = frame(
  frameType.headers,
  flag.endHeaders,
  1,
  headerBlock(callHeaders("/grpc.health.v1.Health/Check", {})),
);
/** A call that does not end by itself. */
const watch = frame(
  frameType.headers,
  flag.endHeaders,
  1,
  headerBlock(callHeaders("/grpc.health.v1.Health/Watch", {})),
);
const goaway = (code = 0) => frame(7, 0, 0, Buffer.from([0, 0, 0, 0, 0, 0, 0, code]));

test.each([
  ["GOAWAY", goaway()],
  ["GOAWAY with an error", goaway(2)],
])(
  "%s and broken frames behind it in one packet end that connection alone",
  async (_, first) => {
    const server = await startServerProcess({
      pingIntervalMs: 200, // Ends what nghttp2 reads no more.
      limits: { requestTimeoutMs: 500 },
    });
    const broken = [0, 3, 5, 9].flatMap((size) =>
      Object.values(frameType).map((type) =>
        [0, 1, 7].map((id) => frame(type, 0, id, Buffer.alloc(size))),
      ),
    );
    await Promise.all(
      broken.map(async (frames) => {
        const connection = await openRawConnection(server.url);
        connection.socket.end(Buffer.concat([preface, settings(), first, call, ...frames]));
        await until(
          () => connection.socket.destroyed || connection.ended,
          "the connection is over",
        );
      }),
    );
    const { stored } = await clientOf(server).listener(
      (async function* () {
        yield { message: "somebody else's" };
      })(),
    );
    expect(stored).toBe(1n);
    await server.stop();
  },
  60_000,
);

test("a client that has said GOAWAY continues with its calls", async () => {
  const server = await startServerProcess();
  const connection = await openRawConnection(server.url);
  const { socket, received } = connection;
  socket.write(Buffer.concat([preface, settings(), call, goaway()]));
  socket.write(frame(frameType.data, flag.endStream, 1, Buffer.alloc(5)));
  const answered = () =>
    parseFrames(received()).filter(
      ({ type, stream }) => type === frameType.headers && stream === 1,
    );
  await until(() => answered().length > 0, "the answer");
  await until(() => connection.ended, "the end, as there is no call left");
  await server.stop();
});

test("streams that come after the server's own GOAWAY leave it whole", {
  timeout: 120_000,
}, async () => {
  const server = await startServerProcess({ limits: { maxConnectionAgeMs: 1 } });
  // A connection's age is checked once a second: each round costs as much.
  for (let i = 0; i < rounds(0.5); i++) {
    await Promise.all(
      Array.from({ length: 200 }, async () => {
        const { socket, received } = await openRawConnection(server.url);
        socket.write(Buffer.concat([preface, settings(), watch]));
        await until(() => goawayCodes(received()).length === 2, "it takes no further streams");
        socket.end(
          Buffer.concat(
            [3, 5, 7, 9].flatMap((id) => [
              frame(frameType.headers, flag.endHeaders, id, call.subarray(9)),
              frame(frameType.rstStream, 0, id, Buffer.alloc(4)),
            ]),
          ),
        );
      }),
    );
  }
  const { stored } = await clientOf(server).listener(
    (async function* () {
      yield { message: "somebody else's" };
    })(),
  );
  expect(stored).toBe(1n);
  await server.stop();
});

test("thousands of calls behind a GOAWAY leave the server whole", {
  timeout: 120_000,
}, async () => {
  const server = await startServerProcess();
  for (let i = 0; i < rounds(100); i++) {
    const bytes = Buffer.concat([
      ...[preface, settings(), call, goaway()],
      ...[3, 5, 7, 9].flatMap((id) => [
        frame(frameType.headers, flag.endHeaders, id, call.subarray(9)),
        frame(frameType.rstStream, 0, id - 2, Buffer.alloc(4)),
      ]),
    ]);
    const connections = await Promise.all([1, 2, 3, 4].map(() => openRawConnection(server.url)));
    for (const { socket } of connections) {
      socket.end(bytes);
    }
    await until(
      () => connections.every(({ socket, ended }) => ended || socket.destroyed),
      "the end",
    );
  }
  const { stored } = await clientOf(server).listener(
    (async function* () {
      yield { message: "somebody else's" };
    })(),
  );
  expect(stored).toBe(1n);
  await server.stop();
});
