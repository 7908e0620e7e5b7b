import { expect, test } from "vitest";
import { splitMessages } from "../../src/server/service/passthrough/requests.js";
import { memoryHeld } from "../support/memory.js";
import { envelope } from "../support/raw-http2.js";

const MiB = 1024 * 1024;

test("a message that comes byte by byte holds little more than its bytes", async () => {
  const whole = envelope(Buffer.alloc(400_000));
  let most = 0;
  async function* body() {
    const before = memoryHeld().heapUsed;
    for (let at = 0; at < whole.length; at++) {
      yield whole.subarray(at, at + 1);
      if (at === whole.length - 10) {
        most = memoryHeld().heapUsed - before;
      }
    }
  }
  const lengths: number[] = [];
  const options = { maxBytes: MiB, protocolName: "grpc" };
  for await (const messages of splitMessages(body(), (bytes) => bytes.length, options)) {
    lengths.push(...messages);
  }
  expect(lengths).toEqual([400_000]);
  expect(most).toBeLessThan(4 * MiB);
});
