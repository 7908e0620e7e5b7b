import { beforeAll, expect, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";
import { servedDuring } from "../support/bystander.js";
import {
  callHeaders,
  flag,
  frame,
  frameType,
  headerBlock,
  parseFrames,
  preface,
  settings,
  settingsAck,
  uint32,
} from "../support/http2-frames.js";
import { openRawConnection } from "../support/raw-connection.js";
import { envelope } from "../support/raw-http2.js";
import { type ServerProcess, startServerProcess } from "../support/server-process.js";
import { rounds, until } from "../support/streams.js";

const cancel = 8;

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess();
  return server.stop;
});

/** Opens streams that stay open, as many as the server accepts, and resets all in one write. */
async function resetAtOnce(path: string, headers: Record<string, string>) {
  const connection = await openRawConnection(server.url);
  const { socket, received } = connection;
  const block = headerBlock(callHeaders(path, headers));
  const streams = Array.from({ length: count }, (_, i) => 2 * i + 1);
  socket.write(Buffer.concat([preface, settings(), settingsAck()]));
  socket.write(
    Buffer.concat(
      streams.flatMap((stream) => [
        frame(frameType.headers, flag.endHeaders, stream, block),
        frame(frameType.data, flag.endStream, stream, envelope("")),
      ]),
    ),
  );
  await until(
    async () => connection.ended || (await server.look()).openCalls >= count,
    "the calls are open",
  );
  socket.write(
    Buffer.concat(streams.map((stream) => frame(frameType.rstStream, 0, stream, uint32(cancel)))),
  );
  await until(() => connection.ended, "the connection is ended");
  socket.destroy();
  return parseFrames(received());
}

/** More than 1,100 hung the server; the long rounds have 5,000, twenty times. */
const count = Math.min(rounds(1500), 5000);
const bursts = Math.min(rounds(1), 20);

test("streams that are reset in one write: their connection ends, and nothing else happens", async () => {
  const path = "/chatter.v1.ChatterService/Subscribe";
  await resetAtOnce(path, server.headers); // The first ones compile and cache.
  const before = await server.state();
  const served = await servedDuring(`${bursts} times ${count} resets`, server, async () => {
    for (let i = 0; i < bursts; i++) {
      await resetAtOnce(path, server.headers);
      await until(async () => (await server.look()).openCalls < 10, "its calls are over");
    }
  });
  await until(async () => (await server.look()).openCalls === 0, "no call is left");
  const after = await server.state();
  console.info(`RSS ${before.rssMb} to ${after.rssMb} MB`);
  expect(served.calls).toBeGreaterThan(0);
  expect(after.rssMb - before.rssMb).toBeLessThan(100);
});

test("1,500 subscriptions of one client that end by one signal", async () => {
  const chatter = createChatterClient({ url: server.url, auth: { token: server.token } });
  const everyone = new AbortController();
  let live = 0;
  const onState = ({ status }: { status: string }) => {
    live += status === "live" ? 1 : 0;
  };
  const readers = Array.from({ length: 1500 }, async () => {
    for await (const _ of chatter.subscribe({ signal: everyone.signal, onState })) {
      // Nobody posts.
    }
  });
  await until(() => live >= 1500, "all are live");
  await servedDuring("1,500 subscriptions end", server, async () => {
    everyone.abort();
    await Promise.all(readers);
    await until(async () => (await server.look()).openCalls < 10, "no subscription is left");
  });
  chatter.close();
});
