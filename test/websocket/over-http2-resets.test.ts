import { once } from "node:events";
import type { ClientHttp2Stream } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { tunnelProtocol } from "../../src/protocol/tunnel.js";
import { type Auth, createMetrics } from "../../src/server/index.js";
import { forge, honest } from "../auth/forged-token.js";
import { startChatter } from "../support/chatter-server.js";
import { startServe } from "../support/serve.js";
import { until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { unhandledRejections } from "../support/unhandled.js";
import { openSession } from "../support/websocket-over-http2.js";

/** Checks tokens when the test lets it. */
function slowAuth() {
  const waiting: ((isValid: boolean) => void)[] = [];
  const auth: Auth = {
    login: () => Promise.reject(new Error("no passwords")),
    verify: () =>
      new Promise((resolve, reject) =>
        waiting.push((isValid) =>
          isValid
            ? resolve({
                ...{ subject: "goa", tokenId: "1", scopes: ["stream:read"] },
                expiresAt: Date.now() + 60_000,
              })
            : reject(new ConnectError("invalid token", Code.Unauthenticated)),
        ),
      ),
  };
  return { auth, waiting };
}

test.each([
  ["valid", true],
  ["not valid", false],
])("a WebSocket may be reset while its token, which is %s, is checked", async (_, isValid) => {
  const rejections = unhandledRejections();
  const errors: unknown[] = [];
  const logger = { info() {}, error: (error: unknown) => errors.push(error) };
  const { auth, waiting } = slowAuth();
  const metrics = createMetrics();
  const server = await startChatter({ auth, metrics, logger: logger as never });
  const session = await openSession(server);
  const stream = session.request({
    ...{ ":method": "CONNECT", ":protocol": "websocket", ":path": "/subscribe" },
    ...{ "sec-websocket-version": "13", authorization: "Bearer any" },
  });
  stream.on("error", () => {});
  await until(() => waiting.length === 1, "its token is checked");
  stream.close(8);
  // An error that nothing catches would end the server's process, and fails this run.
  const next = session.request({ ":path": "/livez" });
  const [headers] = await once(next, "response");
  expect(headers[":status"]).toBe(200);
  waiting[0]!(isValid);
  await until(() => server.chatter.openWebSockets === 0, "it is closed");
  expect([errors, rejections]).toEqual([[], []]);
  // It has left, and was not cut because it answered no pings.
  expect(await metrics.registry.metrics()).toContain(
    'silent_connections_total{protocol="websocket"} 0',
  );
});

test("a server survives WebSockets that are answered, closed and reset at any moment", {
  timeout: 120_000,
}, async () => {
  const args = ["--demo", "--log", "memory", "--data-dir", tempDir()];
  const server = await startServe(args);
  const ends = [0, 2, 5, 8].map((code) => (stream: ClientHttp2Stream) => stream.close(code));
  ends.push(
    (stream) => void stream.end(),
    (stream) => void stream.destroy(),
  );
  const paths = ["/subscribe", "/nowhere", "/chatter.v1.ChatterService/Subscribe"];
  const badFrame = Buffer.of(0xff, 0xff, 0xff);
  for (let round = 0; round < 100; round++) {
    const session = await openSession(server);
    const streams = Array.from({ length: 12 }, (_, i) => {
      const path = paths[i % 3]!;
      const stream = session.request({
        ...{ ":method": "CONNECT", ":protocol": "websocket", ":path": path },
        "sec-websocket-version": "13",
        ...(path.includes(".") && { "sec-websocket-protocol": tunnelProtocol }),
        authorization: `Bearer ${forge(honest())}`,
      });
      stream.on("error", () => {}).resume();
      if (i % 2 === 0) {
        stream.write(badFrame);
      }
      setTimeout(() => ends[(round + i) % ends.length]!(stream), (round * 7 + i) % 12);
      return stream;
    });
    // What is ended by half is not waited for.
    await until(() => streams.every(({ writableEnded }) => writableEnded), "all have their ends");
    session.destroy();
  }
  // What has freed memory twice ends a little later.
  const session = await openSession(server);
  const [headers] = await once(session.request({ ":path": "/livez" }), "response");
  expect(headers[":status"]).toBe(200);
  expect(await server.stop()).toEqual({ code: 0, signal: null });
});
