import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { decode, posts, rounds } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { sleep } from "../support/streams.js";
import { manage } from "./support/manager.js";
import { openLog } from "./support/open-log.js";

const count = 4000;
const times = 3 * rounds(1);

describe.skipIf(!hasNats)("retention overtakes a reader", () => {
  test(`in the middle of what it reads (${times} times): it gets what comes before, then out_of_range`, {
    timeout: 30_000 + times * 5000,
  }, async () => {
    const nats = await startNats();
    const manager = await manage(nats.address);
    for (let round = 0; round < times; round++) {
      const writer = await openLog(nats.address);
      const each = posts(count / 100);
      const start = writer.head;
      await Promise.all(Array.from({ length: 100 }, () => writer.append(each)));
      await writer.close();
      const log = await openLog(nats.address);
      const reading = (async () => {
        for (let after = start; after < log.head; ) {
          const batch = (await log.read(after))!;
          for (const { sequence } of decode(batch)) {
            expect(Number(sequence)).toBe(++after);
          }
        }
      })();
      const outcome = reading.then(
        () => "it was quicker",
        (error: unknown) => (error instanceof ConnectError ? Code[error.code] : error),
      );
      await sleep(3 + ((2 * round) % 15));
      await manager.streams.purge("chatter", { seq: start + count - 10 });
      expect(["it was quicker", "OutOfRange"]).toContain(await outcome);
      await log.close();
    }
  });
});
