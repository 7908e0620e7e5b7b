import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { CopiedMessage } from "../../src/server/log/copy/copied-message.js";
import { openNatsImport } from "../../src/server/log/copy/nats-import.js";
import { hashId, idHashBytes } from "../../src/server/log/dedupe-window.js";
import { contentOf, failLog, makeLog, oddTexts, runLog } from "../support/log-copies.js";
import { post, readAll, texts } from "../support/log-messages.js";
import { hasNats, startNats, startNatsCluster } from "../support/nats-server.js";
import { tempDir } from "../support/temp-dir.js";
import { manage } from "./support/manager.js";
import { openLog } from "./support/open-log.js";

function copiedMessages(count: number): CopiedMessage[] {
  return Array.from({ length: count }, (_, i) => {
    return { sequence: i + 1, sentAt: 1e12 + i, sender: "goa", text: `message ${i}` };
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
  test("keeps order, times, senders and ids, in a log of another identity; goes on where it broke off", async () => {
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
    expect(await failLog([...into, cut])).toContain("the export is not whole");
    const part = await openLog(nats.address);
    expect(part.head).toBeGreaterThan(0);
    expect(part.head).toBeLessThan(1505);
    const added = 1505 - part.head;
    await part.close();
    const done = await runLog([...into, file]);
    const log = await openLog(nats.address);
    expect(done).toEqual({ stream: "chatter", identity: log.identity, through: 1505, added });
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
    // A repeat of what was posted before the move, to whom it is answered as it was.
    const repeat = await log.append([post(oddTexts[3]!, "id 3", "gö")]);
    const { seconds, nanos } = before.messages[3]!.sentAt!;
    const sentAt = Number(seconds) * 1000 + nanos / 1e6;
    expect(repeat).toEqual({ positions: [{ sequence: 4, sentAt }] });
    expect((await log.append([post("next")])).positions[0]!.sequence).toBe(1506);
  });

  test("goes into no stream that has something else", async () => {
    const nats = await startNats();
    const dir = await makeLog(250);
    const file = join(tempDir(), "export.jsonl");
    await runLog(["export", "--data-dir", dir, file]);
    const log = await openLog(nats.address);
    await log.append([post("something else")]);
    const error = await failLog(["import", "--log", `nats://${nats.address}`, file]);
    expect(error).toContain('the stream "chatter" has another message 1 than the export');
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
