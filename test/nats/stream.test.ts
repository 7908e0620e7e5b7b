import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import type { StreamConfig } from "@nats-io/jetstream";
import { beforeAll, describe, expect, test } from "vitest";
import { formatCursor } from "../../src/server/encoding/cursor.js";
import { resolveCursor } from "../../src/server/service/reading/resolve-cursor.js";
import { decode, post, posts, texts } from "../support/log-messages.js";
import { hasNats, type NatsProcess, startNats } from "../support/nats-server.js";
import { tempDir } from "../support/temp-dir.js";
import { manage } from "./support/manager.js";
import { openLog } from "./support/open-log.js";

const second = 1_000_000_000;

describe.skipIf(!hasNats)("the stream that is the log", () => {
  let nats: NatsProcess;
  let count = 0;
  beforeAll(async () => {
    nats = await startNats();
  });
  const newName = () => `stream-${++count}`;

  test("is made as the flags say, and found by the next server", async () => {
    const stream = newName();
    const log = await openLog(nats.address, {
      stream,
      storage: "memory",
      retention: { maxAgeMs: 3_600_000, maxMessages: 1000, maxBytes: 1_000_000 },
      dedupeMs: 120_000,
    });
    const { config } = await (await manage(nats.address)).streams.info(stream);
    expect(config).toMatchObject({
      storage: "memory",
      num_replicas: 1,
      retention: "limits",
      discard: "old",
      max_age: 3600 * second,
      max_msgs: 1000,
      max_bytes: 1_000_000,
      duplicate_window: 120 * second,
      deny_delete: true,
      allow_direct: true,
    });
    expect(config.subjects).toEqual([config.subjects[0], `${config.subjects[0]}.>`]);
    const other = await openLog(nats.address, { stream, dedupeMs: 120_000 });
    expect(other.identity).toBe(log.identity);
  });

  test.each<[text: string, config: Partial<StreamConfig>]>([
    ['retention is "workqueue": it must be "limits"', { retention: "workqueue" }],
    ['retention is "interest": it must be "limits"', { retention: "interest" }],
    ['discard is "new": it must be "old"', { discard: "new" }],
    ["max_msgs_per_subject is 5: it must be -1", { max_msgs_per_subject: 5 }],
    ["max_consumers is 10: it must be -1", { max_consumers: 10 }],
    ["max_msg_size is 1024: it must be -1 or 73728", { max_msg_size: 1024 }],
    ["no_ack is true: it must be false", { no_ack: true }],
    ["deny_delete is false: it must be true", { deny_delete: false }],
    ["allow_rollup_hdrs is true: it must be false", { allow_rollup_hdrs: true }],
    ['subjects is ["wild.*"]: it must be one subject', { subjects: ["wild.*"] }],
    ['subjects is ["one","two"]: it must be one subject', { subjects: ["one", "two"] }],
    ['subjects is ["one","two.>"]: it must be one subject', { subjects: ["one", "two.>"] }],
    ["allow_direct is false: it must be true", { subjects: ["rooms", "rooms.>"] }],
    [
      'subject_transform is "set": it must be absent',
      { subjects: ["was"], subject_transform: { src: "was", dest: "is" } },
    ],
    ['duplicate_window is "60s": it must be "600s"', { duplicate_window: 60 * second }],
    ['storage is "memory": it must be "file", as --nats-storage says', { storage: "memory" }],
    ['max_age is "900s": it must be "3600s", as --retain-seconds says', { max_age: 900 * second }],
    ["max_msgs is 7: it must be 1000, as --retain-messages says", { max_msgs: 7 }],
  ])("is refused: %s", async (text, config) => {
    const stream = newName();
    const manager = await manage(nats.address);
    await manager.streams.add({
      name: stream,
      subjects: [stream],
      storage: "file",
      deny_delete: true,
      max_age: 3600 * second,
      max_msgs: 1000,
      duplicate_window: 600 * second,
      ...config,
    });
    const opening = openLog(nats.address, {
      stream,
      storage: "file",
      retention: { maxAgeMs: 3_600_000, maxMessages: 1000 },
    });
    await expect(opening).rejects.toMatchObject({ code: Code.FailedPrecondition });
    await expect(opening).rejects.toThrow(
      `the stream "${stream}" of NATS cannot be the log: ${text}`,
    );
    await manager.streams.delete(stream);
  });

  test("is refused as a mirror, and with no replicas to be had", async () => {
    const manager = await manage(nats.address);
    const [origin, mirror] = [newName(), newName()];
    await manager.streams.add({ name: origin, subjects: [origin] });
    await manager.streams.add({ name: mirror, mirror: { name: origin } });
    await expect(openLog(nats.address, { stream: mirror })).rejects.toThrow("mirror or sources");
    await expect(openLog(nats.address, { stream: newName(), replicas: 3 })).rejects.toThrow(
      /cannot be used: replicas > 1 not supported/,
    );
  });

  test("that is made again is another log: old cursors are out_of_range, old servers take no posts", async () => {
    const stream = newName();
    const manager = await manage(nats.address);
    const old = await openLog(nats.address, { stream, timeoutMs: 1000 });
    await old.append(posts(3));
    const { config } = await manager.streams.info(stream);
    await manager.streams.delete(stream);
    // Even with the subject of the old one, as an operator may make it.
    await manager.streams.add({ ...config });
    const atOnce = await old.append([post("lost")]);
    expect(atOnce).toMatchObject({ positions: [], error: { code: Code.Unavailable } });
    const log = await openLog(nats.address, { stream });
    await log.append(posts(5, "new"));
    expect(await texts(log)).toHaveLength(6);
    expect(log.identity).not.toBe(old.identity);
    await expect(resolveCursor(log, formatCursor(old.identity, 2))).rejects.toMatchObject({
      code: Code.OutOfRange,
    });
    await expect.poll(() => old.writeFault?.code).toBe(Code.Unavailable);
    expect(old.writeFault?.rawMessage).toContain("must be restarted");
    expect((await old.append([post("lost")])).error?.code).toBe(Code.Unavailable);
    expect(await texts(old)).toEqual(["message 1", "message 2", "message 3"]);
  });

  test("that is made again is not read by old servers: neither what is behind nor what comes", async () => {
    const stream = newName();
    const manager = await manage(nats.address);
    await (await openLog(nats.address, { stream })).append(posts(10));
    const old = await openLog(nats.address, { stream });
    const { config } = await manager.streams.info(stream);
    await manager.streams.delete(stream);
    await manager.streams.add({ ...config });
    const log = await openLog(nats.address, { stream });
    await log.append(posts(20, "new"));
    await expect(async () => old.read(3)).rejects.toMatchObject({ code: Code.Unavailable });
    await expect.poll(() => old.writeFault?.rawMessage).toContain("must be restarted");
    await expect(async () => old.read(5)).rejects.toMatchObject({ code: Code.Unavailable });
    expect(old.head).toBe(10);
  });

  test("that has lost what was answered takes no posts until the servers are restarted", async () => {
    const node = await startNats();
    const log = await openLog(node.address);
    await log.append(posts(3));
    await node.kill();
    const earlier = join(tempDir(), "store");
    cpSync(node.store, earlier, { recursive: true });
    await node.start();
    expect((await log.append(posts(3, "lost"))).error).toBeUndefined();
    await node.kill();
    rmSync(node.store, { recursive: true });
    cpSync(earlier, node.store, { recursive: true });
    await node.start();
    const cause = () => String(log.writeFault?.cause);
    await expect.poll(cause, { timeout: 10_000 }).toContain("JetStream has lost messages");
    const refused = await log.append([post("in the place of another one")]);
    expect(refused).toMatchObject({ positions: [], error: { code: Code.Unavailable } });
  });

  test("may be purged: readers before get out_of_range, others continue", async () => {
    const stream = newName();
    const log = await openLog(nats.address, { stream });
    const behind = await openLog(nats.address, { stream });
    await log.append(posts(10));
    await (await manage(nats.address)).streams.purge(stream, { seq: 6 });
    await expect.poll(() => log.first).toBe(6);
    await expect(async () => log.read(4)).rejects.toMatchObject({ code: Code.OutOfRange });
    expect(decode((await behind.read(5))!)).toHaveLength(5);
    expect((await log.append([post("a")])).positions[0]?.sequence).toBe(11);
  });

  test("leaves out what somebody else has put there", async () => {
    const stream = newName();
    const manager = await manage(nats.address);
    const log = await openLog(nats.address, { stream });
    const subject = (await manager.streams.info(stream)).config.subjects[0]!;
    await log.append([post("one")]);
    await manager.jetstream().publish(subject, "no message of Chatter");
    await manager.jetstream().publish(subject, "");
    await log.append([post("two")]);
    for (const reader of [log, await openLog(nats.address, { stream })]) {
      const all = [];
      for (let batch = await reader.read(0); batch; batch = await reader.read(batch.last)) {
        all.push(...decode(batch).map(({ message, sequence }) => [message, sequence]));
      }
      expect(all).toEqual([
        ["one", 1n],
        ["two", 4n],
      ]);
    }
  });
});
