import { beforeAll, expect, test } from "vitest";
import { servedDuring } from "../support/bystander.js";
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
} from "../support/http2-frames.js";
import { openRawConnection, type RawConnection } from "../support/raw-connection.js";
import { envelope } from "../support/raw-http2.js";
import { type ServerProcess, startServerProcess } from "../support/server-process.js";
import { rounds, sleep, until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";

const connections = 4;
const streams = Math.min(rounds(250), 2000);

/** Opens many streams of a method on a connection whose windows stay closed. */
async function openShut(server: ServerProcess, method: string): Promise<RawConnection> {
  const connection = await openRawConnection(server.url);
  const block = headerBlock(callHeaders(`/chatter.v1.ChatterService/${method}`, server.headers));
  const request = envelope(Buffer.alloc(0));
  const { socket, received } = connection;
  const open = (stream: number) => {
    socket.write(frame(frameType.headers, flag.endHeaders, stream, block));
    socket.write(frame(frameType.data, flag.endStream, stream, request));
  };
  const settingsCome = () =>
    parseFrames(received()).filter((one) => one.type === frameType.settings && one.flags === 0)
      .length;
  socket.write(Buffer.concat([preface, settings({ [initialWindowSize]: 0 }), settingsAck()]));
  open(1);
  // With the first valid token a connection may have more than a hundred.
  await until(() => settingsCome() === 2, "more streams are allowed");
  socket.write(settingsAck());
  for (let i = 1; i < streams; i++) {
    open(2 * i + 1);
  }
  return connection;
}

let server: ServerProcess;

beforeAll(async () => {
  // On the disk: each reader then has a batch of its own.
  server = await startServerProcess({ dir: tempDir(), stored: { count: 2000, bytes: 1000 } });
  return server.stop;
});

test.each(["History", "Subscribe"])(
  "many streams of %s whose windows stay shut hold little, and give it back",
  async (method) => {
    const before = await server.state();
    const shut: RawConnection[] = [];
    await servedDuring(`zero windows, ${method}`, server, async () => {
      for (let i = 0; i < connections; i++) {
        shut.push(await openShut(server, method));
      }
      const all = connections * streams;
      await until(async () => (await server.look()).openCalls >= all, "all are open");
      await sleep(500);
    });
    const during = await server.state();
    for (const { socket } of shut) {
      socket.destroy();
    }
    await until(async () => (await server.look()).openCalls === 0, "no call is left");
    const after = await server.state();
    console.info(
      `zero windows, ${connections * streams} streams of ${method}: heap ${before.heapMb}, ` +
        `${during.heapMb}, ${after.heapMb} MB; RSS ${before.rssMb}, ${during.rssMb}, ${after.rssMb} MB`,
    );
    // At most a batch of 64 KiB each, and the memory of the call itself.
    const perStream = (1000 * (during.heapMb - before.heapMb)) / (connections * streams);
    expect(perStream).toBeLessThan(130);
    expect(after.heapMb - before.heapMb).toBeLessThan(30);
  },
  60_000,
);
