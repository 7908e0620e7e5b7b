import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { hashId, idHashBytes } from "../../src/server/log/core/dedupe-window.js";
import type { CopiedMessage } from "../../src/server/log/transfer/copied-message.js";
import { openNatsImport } from "../../src/server/log/transfer/nats-import.js";
import { RoomSelection } from "../../src/server/rooms/room-selection.js";
import { contentOf, failLog, makeLog, oddTexts, runLog } from "../support/log-copies.js";
import { post, readAll, texts } from "../support/log-messages.js";
import { hasNats, startNats, startNatsCluster } from "../support/nats-server.js";
import { readRooms, select } from "../support/room-messages.js";
import { tempDir } from "../support/temp-dir.js";
import { manage } from "./support/manager.js";
import { openLog } from "./support/open-log.js";

function copiedMessages(count: number): CopiedMessage[] {
  return Array.from({ length: count }, (_, i) => {
    return { sequence: i + 1, sentAt: 1e12 + i, sender: "goa", text: `message ${i}`, room: "" };
  });
}

/** An import into the stream of some nodes, closed after the test. */
async function openTarget(servers: readonly string[]) {
  const target = await openNatsImport({
    address: { servers },
    stream: "chatter",
    retention: {},
    dedupeMs: 600_000,
    timeoutMs: 60_000,
    log: { identity: "AbCdEfGh", first: 1, head: 5000 },
  });
  onTestFinished(() => target.close());
  return target;
}

describe.skipIf(!hasNats)("an export that is imported into a stream", () => {
  test("keeps order, times, senders and ids, in a log of another identity; continues where it broke off", async () => {
    const nats = await startNats();
    const dir = await makeLog(1500);
    const before = await contentOf(dir);
    const file = join(tempDir(), "export.jsonl");
    await runLog(["export", "--data-dir", dir, file]);
    const whole = readFileSync(file, "utf8");
    const cut = join(tempDir(), "cut.jsonl");
    const firstEnd = whole.indexOf("\n", whole.indexOf('\n{"through"') + 1) + 1;
    writeFileSync(cut, whole.slice(0, firstEnd));

    const into = ["import", "--log", `nats://${nats.address}`];
    expect(await failLog([...into, cut])).toContain("the export is not complete");
    const part = await openLog(nats.address);
    expect(part.head).toBeGreaterThan(0);
    expect(part.head).toBeLessThan(1506);
    const added = 1506 - part.head;
    await part.close();
    const done = await runLog([...into, file]);
    const log = await openLog(nats.address);
    expect(done).toEqual({ stream: "chatter", identity: log.identity, through: 1506, added });
    expect(await runLog([...into, file])).toEqual({ ...done, added: 0 });

    expect(log.identity).not.toBe(before.identity);
    const plain = (messages: typeof before.messages) =>
      messages.map(({ message, length, sender, sentAt, sequence }) => ({
        message,
        length,
        sender,
        sentAt,
        sequence,
      }));
    expect(plain(await readAll(log))).toEqual(plain(before.messages));
    // A repeat of what was posted before the move gets the same answer as then.
    const repeat = await log.append([post(oddTexts[3]!, "id 3", "gö")]);
    const { seconds, nanos } = before.messages[3]!.sentAt!;
    const sentAt = Number(seconds) * 1000 + nanos / 1e6;
    expect(repeat).toEqual({ positions: [{ sequence: 4, sentAt }] });
    expect((await log.append([post("next")])).positions[0]!.sequence).toBe(1507);
  });

  test("goes into no stream that has something else", async () => {
    const nats = await startNats();
    const dir = await makeLog(250);
    const file = join(tempDir(), "export.jsonl");
    await runLog(["export", "--data-dir", dir, file]);
    const log = await openLog(nats.address);
    await log.append([post("something else")]);
    const error = await failLog(["import", "--log", `nats://${nats.address}`, file]);
    expect(error).toContain('the stream "chatter" differs from the export at message 1');
  });

  test("keeps a message whose id was used before, when that was forgotten", async () => {
    const nats = await startNats();
    const idHash = hashId("goa", "an id", "").subarray(0, idHashBytes);
    const copied = copiedMessages(20).map((message, i) =>
      i === 3 || i === 9 ? { ...message, idHash } : message,
    );
    const target = await openTarget([nats.address]);
    await target.add(copied);
    await target.finish();
    const log = await openLog(nats.address);
    expect(await texts(log)).toEqual(copied.map(({ text }) => text));
  });

  test("keeps its rooms, and their times", async () => {
    const nats = await startNats();
    const rooms = ["", "a", "team/alpha"];
    const copied = copiedMessages(60).map((message, i) => ({ ...message, room: rooms[i % 3]! }));
    const target = await openTarget([nats.address]);
    await target.add(copied);
    await target.finish();
    const log = await openLog(nats.address);
    for (const room of rooms) {
      const found = await readRooms(log, select(room));
      expect(found.map(({ sequence }) => sequence)).toEqual(
        copied.filter((message) => message.room === room).map(({ sequence }) => sequence),
      );
    }
    const [a] = await log.rooms({ rooms: RoomSelection.all, prefix: "", after: "", limit: 1 });
    expect(a).toEqual({ room: "a", count: 20, last: 59, lastAt: 1e12 + 58, countSince: 0 });
    expect(await runLog(["verify", "--log", `nats://${nats.address}`])).toMatchObject({
      messages: 60,
      malformed: [],
    });
  });

  test("goes with rooms into no stream that was made before there were any", async () => {
    const nats = await startNats();
    const manager = await manage(nats.address);
    await manager.streams.add({
      ...{ name: "chatter", subjects: ["chatter.old"], deny_delete: true },
      duplicate_window: 600_000_000_000,
    });
    const target = await openTarget([nats.address]);
    const [message] = copiedMessages(1);
    await expect(target.add([{ ...message!, room: "a" }])).rejects.toThrow(
      'the stream "chatter" has no subjects for rooms: import into a new stream',
    );
  });

  test("is whole and in order though the leader was killed meanwhile", {
    timeout: 120_000,
  }, async () => {
    const nodes = await startNatsCluster();
    const copied = copiedMessages(5000);
    const target = await openTarget(nodes.map(({ address }) => address));
    await target.add(copied.slice(0, 1000));
    const manager = await manage(nodes[0]!.address);
    const { cluster } = await manager.streams.info("chatter");
    const leader = nodes[Number(cluster!.leader!.slice(1)) - 1]!;
    await Promise.all([target.add(copied.slice(1000)), leader.kill()]);
    await target.finish();
    expect(target.added).toBe(copied.length);
    const log = await openLog(nodes.find((node) => node !== leader)!.address);
    expect(await texts(log)).toEqual(copied.map(({ text }) => text));
  });
});
