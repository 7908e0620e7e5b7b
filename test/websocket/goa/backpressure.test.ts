import { expect, test } from "vitest";
import { createMemoryLog } from "../../../src/server/log/memory-log.js";
import { startChatter } from "../../support/chatter-server.js";
import { countReadBytes } from "../../support/count-read-bytes.js";
import { fill } from "../../support/fill.js";
import { memoryHeld } from "../../support/memory.js";
import { until } from "../../support/streams.js";
import { text } from "../../support/websocket-raw.js";
import { openFrames, openGoa } from "./client.js";

const MiB = 1024 * 1024;
const long = "x".repeat(60_000);

/** Resolves when the value has stood still for half a second. */
async function settled(value: () => number): Promise<number> {
  let last = Number.NaN;
  while (value() !== last) {
    last = value();
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return last;
}

test.each(["/history", "/subscribe"])(
  "%s: a slow reader stops the producer, memory stays flat, and all of it comes when it reads again",
  async (path) => {
    const total = 800;
    const log = createMemoryLog();
    const readBytes = countReadBytes(log);
    const server = await startChatter({ log });
    await fill(log, ["first"]);
    const history = await openGoa(server, "/history");
    await history.closed();
    await fill(
      log,
      Array.from({ length: total }, () => long),
    );
    const raw = openFrames(server, `${path}?after=${history.messages[0].cursor}`);
    await raw.opened();
    raw.socket.pause();
    const before = memoryHeld();
    const stopped = await settled(readBytes);
    const after = memoryHeld();
    // Of 48 MB: what the system's own buffers take, and a batch.
    expect(stopped).toBeLessThan(12 * MiB);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(16 * MiB);
    raw.socket.resume();
    await until(() => raw.texts.length === total, "all of it");
    if (path === "/history") {
      await raw.closed();
      expect(raw.closeCode).toBe(1000);
    }
  },
);

test("a fast sender waits for a slow log, and nothing is lost", async () => {
  const log = createMemoryLog();
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const append = log.append.bind(log);
  log.append = async (messages) => {
    await gate;
    return append(messages);
  };
  const server = await startChatter({ log });
  const raw = await openFrames(server, "/listener").opened();
  const frame = text(JSON.stringify(long));
  const before = memoryHeld().arrayBuffers;
  let sent = 0;
  await settled(() => {
    while (sent < 3_000 && !raw.socket.writableNeedDrain) {
      raw.socket.write(frame);
      sent++;
    }
    return sent;
  });
  // Of 180 MB: what the system's own buffers take, and the two bounded queues.
  expect(sent * frame.length).toBeLessThan(32 * MiB);
  expect(memoryHeld().arrayBuffers - before).toBeLessThan(16 * MiB);
  open();
  raw.write(text("null"));
  await raw.closed();
  expect(raw.closeCode).toBe(1000);
  expect(log.head).toBe(sent);
});
