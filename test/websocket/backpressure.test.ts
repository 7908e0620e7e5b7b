import { expect, test } from "vitest";
import { aheadOfCredit } from "../../src/protocol/tunnel.js";
import { memoryHeld } from "../support/memory.js";
import { binary, close, openingMessage, openRaw, post, text } from "../support/websocket-raw.js";
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
  const before = memoryHeld();
  const stopped = await settled(() => produced);
  const after = memoryHeld();
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
  const before = memoryHeld().arrayBuffers;
  const stopped = await settled(() => sent);
  // Of 100 MB: the 256 KiB that may go ahead of credit, and a few messages in pipelines.
  expect(stopped * 50_000).toBeLessThan(MiB);
  expect(memoryHeld().arrayBuffers - before).toBeLessThan(16 * MiB);
  open();
  expect((await call).stored).toBe(BigInt(total));
});

test("a client that floods a handler which takes nothing fills no memory", async () => {
  const { port, bridge } = await startTunnel({ listener: () => new Promise(() => {}) });
  const raw = openRaw(port, "Listener").write(openingMessage());
  await until(() => bridge.openCalls === 1);
  const chunk = post("x".repeat(100_000));
  const before = memoryHeld().arrayBuffers;
  let written = 0;
  const blocked = await settled(() => {
    while (written < 200 * MiB && !raw.socket.writableNeedDrain) {
      raw.socket.write(chunk);
      written += chunk.length;
    }
    return written;
  });
  expect(blocked).toBeLessThan(32 * MiB);
  expect(memoryHeld().arrayBuffers - before).toBeLessThan(16 * MiB);
});

test("nor does a flood of the smallest messages, which cost more than their bytes", async () => {
  const { port, bridge } = await startTunnel({ listener: () => new Promise(() => {}) });
  const raw = openRaw(port, "Listener").write(openingMessage());
  await until(() => bridge.openCalls === 1);
  // Two messages for each byte of the queue.
  const chunks = Buffer.concat(Array.from({ length: 8 * 1024 }, () => binary("x")));
  const before = memoryHeld().heapUsed;
  for (let i = 0; i < 64; i++) {
    raw.socket.write(chunks);
  }
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(memoryHeld().heapUsed - before).toBeLessThan(16 * MiB);
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

test("credit behind much body is not read: a client that does not mind the window is closed with 4008", async () => {
  const { port, bridge } = await startTunnel({ echoer: echo });
  const raw = openRaw(port, "Echoer").write(openingMessage());
  const before = memoryHeld().arrayBuffers;
  for (let i = 0; i < 40; i++) {
    raw.write(post("x".repeat(100_000)));
  }
  await until(() => raw.body.length === aheadOfCredit);
  expect(memoryHeld().arrayBuffers - before).toBeLessThan(16 * MiB);
  raw.write(text('{"credit":10000000}'), text("null"));
  await raw.closed(20_000);
  expect(raw.closeCode).toBe(4008);
  expect(raw.closeReason).toMatch(/the client does not read the answers/);
  expect(memoryHeld().arrayBuffers - before).toBeLessThan(16 * MiB);
  await until(() => bridge.openCalls === 0);
});

test("credit behind body that the method has room for gets through", async () => {
  const { port } = await startTunnel({ echoer: echo });
  const raw = openRaw(port, "Echoer").write(openingMessage());
  const count = 5; // The method has taken half of it when its answers stop.
  for (let i = 0; i < count; i++) {
    raw.write(post("x".repeat(80_000)));
  }
  await until(() => raw.body.length === aheadOfCredit);
  raw.write(text('{"credit":10000000}'), text("null"));
  await raw.closed();
  expect(raw.body.length).toBeGreaterThan(count * 80_000);
  expect(raw.closeCode).toBe(1000);
});

test("a client that keeps to credit and sends beyond it is closed with 1009", async () => {
  const { port, bridge } = await startTunnel({ listener: () => new Promise(() => {}) });
  const opening = JSON.stringify({
    headers: { "content-type": ["application/connect+json"] },
    credit: 0,
  });
  const within = openRaw(port, "Listener").write(
    text(opening),
    binary(Buffer.alloc(aheadOfCredit)),
  );
  const beyond = openRaw(port, "Listener").write(
    text(opening),
    binary(Buffer.alloc(aheadOfCredit)),
    binary("x"),
  );
  await beyond.closed();
  expect(beyond.closeCode).toBe(1009);
  expect(beyond.closeReason).toMatch(/more body than the credit given/);
  await until(() => bridge.openCalls === 1);
  expect(within.closeCode).toBeUndefined();
});

test("what a client had sent before it went beyond its credit is released with its call", async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let taken = 0;
  const errors: unknown[] = [];
  const { port, bridge } = await startTunnel({
    async listener(requests) {
      try {
        await gate;
        for await (const _ of requests) {
          taken++;
        }
      } catch (error) {
        errors.push(error);
      }
      return {};
    },
  });
  const opening = JSON.stringify({
    headers: { "content-type": ["application/connect+json"] },
    credit: 0,
  });
  const raw = openRaw(port, "Listener").write(text(opening), post("in time"));
  await until(() => bridge.openCalls === 1);
  raw.write(binary(Buffer.alloc(aheadOfCredit)));
  await raw.closed();
  expect(raw.closeCode).toBe(1009);
  open();
  await until(() => errors.length > 0);
  expect(String(errors)).toMatch(/more body than the credit given/);
  expect(taken).toBe(0);
});

test("what such a client sends in the smallest chunks costs what it is, and its cancelling is read", async () => {
  const { port, bridge } = await startTunnel({ listener: () => new Promise(() => {}) });
  const opening = JSON.stringify({
    headers: { "content-type": ["application/connect+json"] },
    credit: 0,
  });
  const raw = openRaw(port, "Listener").write(text(opening));
  await until(() => bridge.openCalls === 1);
  const before = memoryHeld().heapUsed;
  const chunks = Buffer.concat(Array.from({ length: 8 * 1024 }, () => binary("x")));
  for (let i = 0; i < 31; i++) {
    raw.socket.write(chunks);
  }
  await until(() => raw.socket.writableLength === 0);
  expect(memoryHeld().heapUsed - before).toBeLessThan(16 * MiB);
  raw.write(close(4001));
  await until(() => bridge.openCalls === 0);
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
