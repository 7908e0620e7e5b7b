import { once } from "node:events";
import { constants, createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { Code } from "@connectrpc/connect";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { errorOf } from "../support/streams.js";
import { clientFor } from "./support/connected.js";

afterEach(() => {
  vi.useRealTimers();
});

const wires = ["connect", "grpc", "grpc-web"] as const;

test.each(wires)(
  "over %s a call that the server resets at its deadline has deadline_exceeded",
  async (transport) => {
    const url = await startServer((stream) => {
      passTime(60);
      stream.close(constants.NGHTTP2_CANCEL);
    });
    const { client } = clientFor({ url, auth: { token: "t" }, transport });
    // The client's own timers are late, and later than any answer.
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const history = errorOf(client.history({}, { timeoutMs: 50 }));
    await expect(client.login({}, { timeoutMs: 50 })).rejects.toMatchObject({
      code: Code.DeadlineExceeded,
    });
    expect((await history).code).toBe(Code.DeadlineExceeded);
  },
);

test.each(wires)("over %s a reset before the deadline is unavailable", async (transport) => {
  const url = await startServer((stream) => stream.close(constants.NGHTTP2_CANCEL));
  const { client } = clientFor({ url, auth: { token: "t" }, transport });
  expect((await errorOf(client.history({}, { timeoutMs: 60_000 }))).code).toBe(Code.Unavailable);
  expect((await errorOf(client.history({}))).code).toBe(Code.Unavailable);
});

/** Keeps this process busy for this many milliseconds. */
function passTime(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    // There is nothing else to do.
  }
}

/** A server that does this with each stream; resolves to its URL. */
async function startServer(onStream: (stream: ServerHttp2Stream) => void): Promise<string> {
  const server = createServer();
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    onStream(stream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
