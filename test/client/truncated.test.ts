import fc from "fast-check";
import { expect, test } from "vitest";
import type { TransportName } from "../../src/client/chatter-client.js";
import { createChatterClient } from "../../src/client/node.js";
import { startChatter } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { rounds } from "../support/streams.js";
import { startHttp2Proxy } from "./support/http2-proxy.js";
import { shortenPauses } from "./support/short-pauses.js";

shortenPauses();

const runs = rounds(5);

// A decoder reports a body that breaks off in the middle as an invalid argument.
test.each<TransportName>(["connect", "grpc", "grpc-web"])(
  "over %s, a response that ends early in good order is read on where it ended",
  { timeout: 30_000 + runs * 2_000 },
  async (transport) => {
    const server = await startChatter();
    await fill(server.log, numbered(50));
    let cuts = 0;
    const limits = fc.array(fc.integer({ min: 1, max: 800 }), { minLength: 2, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(limits, async (limits) => {
        const proxy = await startHttp2Proxy(server.url, limits);
        const client = createChatterClient({
          url: proxy.url,
          auth: { token: server.token },
          transport,
        });
        try {
          const received: string[] = [];
          let first: string | undefined;
          for await (const { message, cursor } of client.history({ limit: 50 })) {
            first ??= cursor;
            received.push(message);
          }
          expect(received).toEqual(numbered(50));
          received.length = 0;
          for await (const { message } of client.subscribe({ after: first })) {
            if (received.push(message) === 49) {
              break;
            }
          }
          expect(received).toEqual(numbered(50).slice(1));
          const publisher = client.publisher();
          await Promise.all(["1", "2", "3"].map((text) => publisher.post(text)));
          await publisher.close();
          cuts += proxy.cuts;
        } finally {
          client.close();
          await proxy.close();
        }
      }),
      { numRuns: runs, endOnFailure: true },
    );
    expect(cuts).toBeGreaterThan(runs);
  },
);
