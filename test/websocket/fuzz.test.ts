import fc from "fast-check";
import { expect, test } from "vitest";
import {
  binary,
  close,
  envelope,
  frame,
  openingMessage,
  openRaw,
  post,
  type RawSocket,
  text,
} from "../support/websocket-raw.js";
import { echo, startTunnel, until } from "../support/websocket-service.js";

/** CI plays 10,000. */
const sequences = 500 * Number(process.env.CHATTER_TEST_ROUNDS ?? 1);

/** How many are under way at a time. */
const width = 25;

const anyFrame = fc.oneof(
  { weight: 4, arbitrary: fc.string().map(post) },
  { weight: 2, arbitrary: fc.constant(openingMessage()) },
  { weight: 2, arbitrary: fc.constant(text("null")) },
  { weight: 2, arbitrary: fc.integer().map((n) => text(`{"credit":${n}}`)) },
  fc.json().map(text),
  fc.string().map(text),
  fc.uint8Array({ maxLength: 300 }).map(binary),
  fc.uint8Array({ maxLength: 50 }).map((bytes) => binary(envelope(bytes, bytes[0]))),
  fc.integer({ min: 0, max: 65_535 }).map(close),
  fc
    .tuple(
      fc.integer({ min: 0, max: 15 }),
      fc.uint8Array({ maxLength: 130 }),
      fc.integer({ min: 0, max: 15 }),
    )
    .map(([opcode, payload, bits]) => frame(opcode, payload, bits << 4)),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
);

const sequence = fc.record({
  // Most begin well, or nothing but opening messages would be tried.
  begin: fc.boolean(),
  frames: fc.array(anyFrame, { maxLength: 12 }),
  cuts: fc.array(fc.nat(400), { maxLength: 4 }),
  end: fc.constantFrom("fin", "reset", "close", "null"),
});

type Sequence = typeof sequence extends fc.Arbitrary<infer T> ? T : never;

function play(raw: RawSocket, { begin, frames, cuts, end }: Sequence): void {
  const bytes = Buffer.concat([...(begin ? [openingMessage()] : []), ...frames]);
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
  const { port, bridge, client, faults } = await startTunnel({ echoer: echo, login: () => ({}) });
  await fc.assert(
    fc.asyncProperty(fc.array(sequence, { minLength: width, maxLength: width }), async (batch) => {
      const raws = batch.map((one) => {
        const raw = openRaw(port, "Echoer");
        play(raw, one);
        return raw;
      });
      // A handler that has unread body has 5 s to take it; this one needs none of them.
      await until(() => raws.every(({ ended }) => ended), 4_000);
      await until(() => bridge.openCalls === 0, 4_000);
      expect(faults).toEqual([]);
    }),
    { numRuns: Math.ceil(sequences / width), endOnFailure: true },
  );
  await client().login({});
}, 600_000);
