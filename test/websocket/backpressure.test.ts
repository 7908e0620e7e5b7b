import { expect, test } from "vitest";
import { aheadOfCredit } from "../../src/client/tunnel-wire.js";
import { binary, headMessage, openRaw, post, text } from "../support/websocket-raw.js";
import { echo, startTunnel, until } from "../support/websocket-service.js";

const MiB = 1024 * 1024;

/** Resolves when the value has stood still for half a second. */
async function settled(value: () => number): Promise<number> {
  let last = Number.NaN;
  while (value() !== last) {
    last = value();
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return last;
}

test("a slow reader stops the producer, memory stays flat, and all of it comes when it reads again", async () => {
  const total = 2_000;
  let produced = 0;
  const { client } = await startTunnel({
    async *history() {
      for (; produced < total; produced++) {
        yield { message: "x".repeat(50_000) };
      }
    },
  });
  const history = client().history({})[Symbol.asyncIterator]();
  await history.next();
  const before = process.memoryUsage();
  const stopped = await settled(() => produced);
  const after = process.memoryUsage();
  // 100 MB are to come; the window is 1 MiB, and both halves are in this process.
  expect(stopped * 50_000).toBeLessThan(4 * MiB);
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(16 * MiB);
  let received = 1;
  while (!(await history.next()).done) {
    received++;
  }
  expect(received).toBe(total);
});

test("a fast sender waits for a slow handler", async () => {
  const total = 2_000;
  let sent = 0;
  let taken = 0;
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { client } = await startTunnel({
    async listener(requests) {
      for await (const _ of requests) {
        if (taken++ === 0) {
          await gate;
        }
      }
      return { stored: BigInt(taken) };
    },
  });
  const call = client().listener(
    (async function* () {
      for (; sent < total; sent++) {
        yield { message: "x".repeat(50_000) };
      }
    })(),
  );
  await until(() => taken === 1);
  const before = process.memoryUsage().arrayBuffers;
  const stopped = await settled(() => sent);
  // Of 100 MB: the 256 KiB that may go ahead of credit, and a few messages in pipelines.
  expect(stopped * 50_000).toBeLessThan(MiB);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MiB);
  open();
  expect((await call).stored).toBe(BigInt(total));
});

test("a client that floods a handler which takes nothing fills no memory", async () => {
  const { port, bridge } = await startTunnel({ listener: () => new Promise(() => {}) });
  const raw = openRaw(port, "Listener").write(headMessage());
  await until(() => bridge.openCalls === 1);
  const piece = post("x".repeat(100_000));
  const before = process.memoryUsage().arrayBuffers;
  let written = 0;
  const blocked = await settled(() => {
    while (written < 200 * MiB && !raw.socket.writableNeedDrain) {
      raw.socket.write(piece);
      written += piece.length;
    }
    return written;
  });
  expect(blocked).toBeLessThan(32 * MiB);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MiB);
});

test("nor does a flood of the smallest messages, which cost more than their bytes", async () => {
  const { port, bridge } = await startTunnel({ listener: () => new Promise(() => {}) });
  const raw = openRaw(port, "Listener").write(headMessage());
  await until(() => bridge.openCalls === 1);
  // Two messages for each byte of the queue.
  const pieces = Buffer.concat(Array.from({ length: 8 * 1024 }, () => binary("x")));
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 64; i++) {
    raw.socket.write(pieces);
  }
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 * MiB);
});

test("echo of far more than all windows, sent faster than it is read, gets through", async () => {
  const total = 1_500;
  const { client } = await startTunnel({ echoer: echo });
  let received = 0;
  const replies = client().echoer(
    (async function* () {
      for (let i = 0; i < total; i++) {
        yield { message: String(i).padEnd(30_000, "x") };
      }
    })(),
  );
  for await (const { message } of replies) {
    expect(message.startsWith(`${received}x`)).toBe(true);
    received++;
    if (received % 100 === 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  expect(received).toBe(total);
});

test("credit behind much body gets through, for clients that do not mind the window", async () => {
  const { port } = await startTunnel({ echoer: echo });
  const raw = openRaw(port, "Echoer").write(headMessage());
  const count = 40;
  for (let i = 0; i < count; i++) {
    raw.write(post("x".repeat(100_000)));
  }
  await until(() => raw.body.length === aheadOfCredit);
  raw.write(text('{"credit":10000000}'), text("null"));
  await raw.closed();
  expect(raw.body.length).toBeGreaterThan(count * 100_000);
  expect(raw.closeCode).toBe(1000);
});

test("a client whose replies are not read stops uploading, and can be let go", async () => {
  const { client, bridge } = await startTunnel({ echoer: echo });
  const controller = new AbortController();
  let sent = 0;
  const replies = client()
    .echoer(
      (async function* () {
        for (;;) {
          sent++;
          yield { message: "x".repeat(50_000) };
        }
      })(),
      { signal: controller.signal },
    )
    [Symbol.asyncIterator]();
  await replies.next();
  expect((await settled(() => sent)) * 50_000).toBeLessThan(4 * MiB);
  controller.abort();
  await until(() => bridge.openCalls === 0);
});
