import fc from "fast-check";
import { expect, test } from "vitest";
import { startChatter } from "../../support/chatter-server.js";
import { rounds, until } from "../../support/streams.js";
import { binary, close, frame, type RawSocket, text } from "../../support/websocket-raw.js";
import { openFrames, openGoa } from "./client.js";

/** Sequences; 10,000 if CHATTER_TEST_ROUNDS is 20. */
const sequences = rounds(500);

/** How many are under way at a time. */
const width = 25;

const anyFrame = fc.oneof(
  { weight: 6, arbitrary: fc.string().map((value) => text(JSON.stringify(value))) },
  { weight: 2, arbitrary: fc.constant(text("null")) },
  fc.json().map(text),
  fc.string().map(text),
  fc.string().map((value) => binary(JSON.stringify(value))),
  fc.uint8Array({ maxLength: 300 }).map(binary),
  fc.integer({ min: 0, max: 65_535 }).map(close),
  fc
    .tuple(
      fc.integer({ min: 0, max: 15 }),
      fc.uint8Array({ maxLength: 130 }),
      fc.integer({ min: 0, max: 15 }),
    )
    .map(([code, payload, bits]) => frame(code, payload, bits << 4)),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
);

const sequence = fc.record({
  // Before the handshake is answered, or after.
  early: fc.boolean(),
  path: fc.constantFrom("/listener", "/summary", "/echoer", "/subscribe", "/history?last=3"),
  frames: fc.array(anyFrame, { maxLength: 12 }),
  cuts: fc.array(fc.nat(300), { maxLength: 4 }),
  end: fc.constantFrom("fin", "reset", "close", "null"),
});

type Sequence = typeof sequence extends fc.Arbitrary<infer T> ? T : never;

function play(raw: RawSocket, { frames, cuts, end }: Sequence): void {
  const bytes = Buffer.concat(frames);
  let from = 0;
  for (const cut of cuts.toSorted((a, b) => a - b)) {
    raw.socket.write(bytes.subarray(from, cut));
    from = Math.max(from, cut);
  }
  raw.socket.write(bytes.subarray(from));
  switch (end) {
    case "fin":
      raw.socket.end();
      break;
    case "reset":
      raw.socket.resetAndDestroy();
      break;
    case "close":
      raw.socket.end(close(1000));
      break;
    case "null":
      raw.socket.end(text("null"));
      break;
  }
}

test(`${sequences} random sequences of frames: no crash, no fault, no hang, no call left open`, async () => {
  const faults: object[] = [];
  const server = await startChatter({
    logger: { info() {}, error: (fields) => faults.push(fields) },
  });
  await fc.assert(
    fc.asyncProperty(fc.array(sequence, { minLength: width, maxLength: width }), async (batch) => {
      const raws = await Promise.all(
        batch.map(async (one) => {
          const raw = openFrames(server, one.path);
          if (!one.early) {
            await raw.opened();
          }
          play(raw, one);
          return raw;
        }),
      );
      await until(() => raws.every(({ ended }) => ended), "all have ended");
      await until(() => server.chatter.openCalls === 0, "no call is open");
      expect(faults).toEqual([]);
    }),
    { numRuns: Math.ceil(sequences / width), endOnFailure: true },
  );
  const echo = await openGoa(server, "/echoer");
  echo.send("still there", null);
  expect((await echo.closed()).code).toBe(1000);
  expect(echo.messages).toEqual(["still there"]);
}, 600_000);
