import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import {
  callHeaders,
  flag,
  frame,
  frameType,
  headerBlock,
  initialWindowSize,
  preface,
  settings,
  settingsAck,
  uint32,
} from "../support/http2-frames.js";
import { post } from "../support/log-messages.js";
import { openRawConnection } from "../support/raw-connection.js";
import { envelope } from "../support/raw-http2.js";
import { until } from "../support/streams.js";

test("a client that takes nothing and answers no pings loses its connection, whatever was written to it", async () => {
  const server = await startChatter({}, { pingIntervalMs: 200 });
  const text = "x".repeat(64 * 1024);
  await server.log.append(Array.from({ length: 500 }, () => post(text)));
  const { socket } = await openRawConnection(server.url);
  socket.pause();
  const path = "/chatter.v1.ChatterService/History";
  const block = headerBlock(callHeaders(path, server.headers));
  socket.write(
    Buffer.concat([
      preface,
      settings({ [initialWindowSize]: 2 ** 30 }),
      settingsAck(),
      frame(frameType.windowUpdate, 0, 0, uint32(2 ** 30)),
      frame(frameType.headers, flag.endHeaders, 1, block),
      frame(frameType.data, flag.endStream, 1, envelope("")),
    ]),
  );
  await until(() => server.chatter.openCalls === 1, "its call is under way");
  await until(() => server.chatter.openCalls === 0, "the session is destroyed");
  await until(() => server.server.connections.all === 0, "the connection is cut");
  expect(server.server.connections.http2).toBe(0);
});
