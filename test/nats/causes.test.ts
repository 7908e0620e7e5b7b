import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { createMetrics } from "../../src/server/metrics/metrics.js";
import { startChatter } from "../support/chatter-server.js";
import { post } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { manage } from "./support/manager.js";
import { openLog } from "./support/open-log.js";

const timeoutMs = 1500;

/** Opens a log and collects what its server's log says, as "level reason: text". */
async function openTelling(address: string, more: object = {}) {
  const lines: string[] = [];
  const tell = (level: string) => (fields: object, text: string) => {
    const { reason = "", err } = fields as { reason?: string; err?: Error };
    lines.push(`${level} ${reason}: ${text}${err ? ` (${err.message})` : ""}`);
  };
  const logger = { info: tell("info"), warn: tell("warn"), error: tell("error") };
  const log = await openLog(address, { logger, timeoutMs, ...more });
  return { log, lines };
}

describe.skipIf(!hasNats)("the cause is logged", () => {
  test("of each change of readiness, in one line; /metrics has it too", async () => {
    const nats = await startNats();
    const { log, lines } = await openTelling(nats.address);
    const metrics = createMetrics();
    const server = await startChatter({ log, metrics });
    const figures = async () => (await fetch(`${server.url}/metrics`)).text();
    expect(await figures()).toContain(`chatter_nats_connected{node="${nats.address}"} 1`);
    expect(await figures()).toContain('chatter_nats_replicas{state="in_step"} 1');
    expect(await figures()).toContain("chatter_nats_unacknowledged 0");
    expect(await figures()).not.toContain("chatter_nats_not_ready{");
    await nats.kill();
    await expect.poll(() => log.writeFault, { timeout: 15_000 }).toBeDefined();
    expect(await figures()).toContain('chatter_nats_not_ready{reason="no_connection"} 1');
    expect(await figures()).toContain(`chatter_nats_connected{node="${nats.address}"} 0`);
    await nats.start();
    await expect.poll(() => log.writeFault, { timeout: 15_000 }).toBeUndefined();
    expect(await figures()).toContain("chatter_nats_reconnects_total 1");
    const changes = lines.filter((line) => /the log accepts/.test(line));
    expect(changes[0]).toContain("error no_connection: the log accepts no messages now");
    expect(changes.at(-1)).toBe("info : the log accepts messages again");
    // Whatever else happened on the way, none is logged twice.
    expect(changes.every((line, i) => line !== changes[i - 1])).toBe(true);
  });

  test("when the stream is full, and when there is room again", async () => {
    const nats = await startNats("", undefined, "max_file: 1M");
    const { log, lines } = await openTelling(nats.address);
    const text = "x".repeat(60_000);
    let error: unknown;
    for (let i = 0; i < 40 && error === undefined; i++) {
      ({ error } = await log.append([post(text)]));
    }
    expect(String(error)).toContain("has no room");
    expect(log.writeFault?.message).toContain("has no room");
    await log.append([post(text)]);
    // The rate of lines is bounded: one of two posts has one.
    expect(lines.filter((line) => /^warn full: a post was not stored/.test(line))).toHaveLength(1);
    expect(lines.filter((line) => /^error full:/.test(line))).toHaveLength(1);
  });

  test("when one message is too large: others are taken, and the server stays ready", async () => {
    const nats = await startNats();
    const { log, lines } = await openTelling(nats.address);
    const manager = await manage(nats.address);
    const { config } = await manager.streams.info("chatter");
    await manager.streams.update("chatter", { ...config, max_msg_size: 1024 });
    // At once: the server does not know yet that the stream was changed.
    const { error } = await log.append([post("x".repeat(2000))]);
    expect(error?.code).toBe(Code.ResourceExhausted);
    expect(lines.join("\n")).toContain("warn too_large: a post was not stored");
    expect((await log.append([post("short")])).error).toBeUndefined();
    await manager.streams.update("chatter", { ...config, max_msg_size: -1 });
  });

  test("when NATS does not permit to post, and when it does not let the server in any more", async () => {
    const users = (password: string, deny: string) =>
      `authorization { users: [ { user: ann, password: ${password}
         permissions: { publish: { deny: "${deny}" } } } ] }`;
    const nats = await startNats(users("word", "chatter.none"));
    const address = { servers: [nats.address], user: "ann", password: "word" };
    const { log, lines } = await openTelling(nats.address, { address });
    const subject = (await manageAs(nats.address)).config.subjects[0]!;
    async function manageAs(where: string) {
      const { connect } = await import("@nats-io/transport-node");
      const { jetstreamManager } = await import("@nats-io/jetstream");
      const connection = await connect({ servers: where, user: "ann", pass: "word" });
      const info = await (await jetstreamManager(connection)).streams.info("chatter");
      await connection.close();
      return info;
    }
    await nats.reload(users("word", subject));
    await expect
      .poll(async () => (await log.append([post("not permitted")])).error?.message, {
        timeout: 15_000,
      })
      .toContain("does not permit");
    expect(log.writeFault?.message).toContain("does not permit");
    await nats.reload(users("other", "chatter.none"));
    await expect
      .poll(() => log.writeFault?.message, { timeout: 15_000 })
      .toContain("admits this server");
    expect(
      lines.filter((line) => /no longer admits this server \(/.test(line)).length,
    ).toBeGreaterThan(0);
    expect(lines.filter((line) => /^error : NATS reports/.test(line)).length).toBeLessThan(3);
    expect(lines.join()).not.toContain("word");
    await nats.reload(users("word", "chatter.none"));
    await expect.poll(() => log.writeFault, { timeout: 15_000 }).toBeUndefined();
  });

  test("when the stream is edited so that it cannot be the log, or its subject is changed", async () => {
    const nats = await startNats();
    const { log, lines } = await openTelling(nats.address);
    const manager = await manage(nats.address);
    const { config } = await manager.streams.info("chatter");
    await manager.streams.update("chatter", { ...config, max_msgs_per_subject: 5 });
    await expect
      .poll(() => log.writeFault?.message, { timeout: 15_000 })
      .toContain("its stream was changed");
    expect(lines.join("\n")).toMatch(/error settings: .*max_msgs_per_subject is 5: it must be -1/);
    // Each one that is accepted now would remove another, which was already confirmed.
    const refused = await log.append([post("not taken")]);
    expect(refused.error?.message).toContain("its stream was changed");
    await manager.streams.update("chatter", config);
    await expect.poll(() => log.writeFault, { timeout: 15_000 }).toBeUndefined();
    await manager.streams.update("chatter", { ...config, subjects: ["chatter.renamed"] });
    await expect
      .poll(() => log.writeFault?.message, { timeout: 15_000 })
      .toContain("the subject of its stream");
    expect(lines.join("\n")).not.toContain("deleted and made again");
    const unheard = await log.append([post("not heard")]);
    expect(unheard.error?.message).toContain("the subject of its stream");
    await manager.streams.update("chatter", config);
    await expect.poll(() => log.writeFault, { timeout: 15_000 }).toBeUndefined();
    expect((await log.append([post("again")])).error).toBeUndefined();
  });
});
