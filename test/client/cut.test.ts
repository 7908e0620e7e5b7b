import fc from "fast-check";
import { expect, test } from "vitest";
import type { TransportName } from "../../src/client/chatter-client.js";
import { createChatterClient } from "../../src/client/node.js";
import { startChatter } from "../support/chatter-server.js";
import { rounds, sleep } from "../support/streams.js";
import { type Cut, startProxy } from "./support/proxy.js";
import { shortenPauses } from "./support/short-pauses.js";
import { when } from "./support/when.js";

const runs = rounds(6);
const messages = 40;

shortenPauses();

const cut: fc.Arbitrary<Cut> = fc.record({
  direction: fc.constantFrom("up", "down"),
  bytes: fc.oneof(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 20_000 })),
  how: fc.constantFrom("reset", "end"),
});

test.each<TransportName>(["connect", "grpc", "grpc-web", "ws"])(
  "over %s, a connection that is cut at any byte loses, doubles and reorders no message",
  { timeout: 30_000 + runs * 5_000 },
  async (transport) => {
    const server = await startChatter();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(cut, { minLength: 1, maxLength: 8 }), async (cuts) => {
        const posted = Array.from({ length: messages }, (_, i) => `${run}.${i} `.repeat(1 + i * 5));
        run++;
        const proxy = await startProxy(server.url, cuts);
        const client = createChatterClient({
          url: proxy.url,
          auth: { token: server.token },
          transport,
        });
        try {
          const subscription = client.subscribe();
          await when(() => subscription.cursor !== undefined);

          const publisher = client.publisher();
          const answers: Promise<{ sequence: bigint }>[] = [];
          for (const text of posted) {
            answers.push(publisher.post(text));
            await sleep(0);
          }
          await publisher.close();

          const received: string[] = [];
          const sequences: bigint[] = [];
          for await (const { message, sequence } of subscription) {
            sequences.push(sequence);
            if (received.push(message) === messages) {
              break;
            }
          }
          expect(received).toEqual(posted);
          expect((await Promise.all(answers)).map(({ sequence }) => sequence)).toEqual(sequences);
        } finally {
          client.close();
          await proxy.close();
        }
      }),
      { numRuns: runs, endOnFailure: true },
    );
    expect(server.log.head).toBe(run * messages);
  },
);
