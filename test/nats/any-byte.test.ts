import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Logger } from "../../src/server/util/logger.js";
import { decode, headBeyond, post, rounds } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { startFaultyLink } from "./support/faulty-link.js";
import { openLog } from "./support/open-log.js";

const cuts = 4 + 2 * rounds(1);

describe.skipIf(!hasNats)("a connection to NATS that breaks at any byte", () => {
  test(`${cuts} times: readers near the head and far behind get all, once and in order; posts are stored once`, {
    timeout: 60_000 + cuts * 5000,
  }, async () => {
    const nats = await startNats();
    const link = await startFaultyLink(nats.port);
    const errors: unknown[] = [];
    const logger: Logger = {
      info: () => {},
      warn: () => {},
      error: (fields, text) => errors.push([text, fields]),
    };
    // Posts must outlive the longest series of cuts.
    const behind = await openLog(link.address, { logger, timeoutMs: 60_000 });
    const other = await openLog(nats.address);
    let isOver = false;

    const posted = new Map<string, number>();
    const live: [string, number][] = [];
    const posting = [behind, other].flatMap((log, which) =>
      [0, 1, 2, 3].map(async (n) => {
        for (let i = 0; !isOver; i++) {
          // A link that breaks all the time is slow: its load must not pile up.
          while (!isOver && posted.size - live.length > 200) {
            await sleep(5);
          }
          const text = `${which}-${n}-${i} ${"x".repeat((i * 37) % 2000)}`;
          const { positions, error } = await log.append([post(text, i % 2 === 0 ? text : "")]);
          expect(error).toBeUndefined();
          posted.set(text, positions[0]!.sequence);
        }
      }),
    );
    const following = (async () => {
      for (let after = 0; live.at(-1)?.[0] !== "end"; ) {
        await headBeyond(behind, after);
        const batch = (await behind.read(after))!;
        for (const { message, sequence } of decode(batch)) {
          live.push([message, Number(sequence)]);
        }
        after = batch.last;
      }
    })();
    for (let i = 0; i < cuts; i++) {
      await link.broken(1 + Math.floor(Math.random() * 200_000));
    }
    isOver = true;
    await Promise.all(posting);
    const end = (await other.append([post("end")])).positions[0]!.sequence;
    posted.set("end", end);
    await following;
    // Nothing of this is in memory: it is read while the connection breaks.
    const fresh = await openLog(link.address, { logger });
    const old: [string, number][] = [];
    const replay = (async () => {
      for (let after = 0; after < end; ) {
        const batch = (await fresh.read(after))!;
        old.push(...decode(batch).map((m): [string, number] => [m.message, Number(m.sequence)]));
        after = batch.last;
      }
    })();
    for (let i = 0; i < cuts / 2; i++) {
      await Promise.race([replay, link.broken(1 + Math.floor(Math.random() * 300_000))]);
    }
    link.heal();
    await replay;

    const right = [...posted].sort(([, a], [, b]) => a - b);
    expect(right.map(([, sequence]) => sequence)).toEqual(right.map((_, i) => i + 1));
    expect(live).toEqual(right);
    expect(old).toEqual(right);
    expect(errors.filter((error) => String(error).includes("lost messages"))).toEqual([]);
  });
});
