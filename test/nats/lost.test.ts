import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { formatCursor } from "../../src/server/encoding/cursor.js";
import { resolveCursor } from "../../src/server/service/reading/resolve-cursor.js";
import { startChatter } from "../support/chatter-server.js";
import { post, posts, texts } from "../support/log-messages.js";
import { hasNats, type NatsProcess, startNats } from "../support/nats-server.js";
import { tempDir } from "../support/temp-dir.js";
import { openLog } from "./support/open-log.js";

const timeoutMs = 3000;

/** Restores a node to its state before something happened. */
async function goBackAfter(node: NatsProcess, happen: () => Promise<unknown>): Promise<void> {
  await node.kill();
  const earlier = join(tempDir(), "store");
  cpSync(node.store, earlier, { recursive: true });
  await node.start();
  await happen();
  await node.kill();
  rmSync(node.store, { recursive: true });
  cpSync(earlier, node.store, { recursive: true });
  await node.start();
}

describe.skipIf(!hasNats)("JetStream that has lost what it acknowledged", () => {
  const isRefused = { positions: [], error: { code: Code.Unavailable } };

  test("is noticed before anything is posted, and by a server that posted nothing", async () => {
    const node = await startNats();
    const [log, other] = [
      await openLog(node.address, { timeoutMs }),
      await openLog(node.address, { timeoutMs }),
    ];
    const server = await startChatter({ log: other });
    await log.append(posts(3));
    await goBackAfter(node, async () => {
      await log.append(posts(3, "lost"));
      await expect.poll(() => other.head).toBe(6);
    });
    // At once: they are sent while nobody knows whether the node is back.
    const refused = await Promise.all([
      log.append([post("in the place of another one")]),
      other.append([post("in the place of another one")]),
    ]);
    expect(refused).toMatchObject([isRefused, isRefused]);
    for (const { writeFault } of [log, other]) {
      expect(String(writeFault?.cause)).toContain(
        "JetStream has lost messages: the stream ends with message 3, and had 6",
      );
    }
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
    const fresh = await openLog(node.address);
    expect(await texts(fresh)).toEqual(["message 1", "message 2", "message 3"]);
  });

  test("is noticed though somebody else has posted as much since, and what they see stays one log", async () => {
    const node = await startNats();
    const log = await openLog(node.address, { timeoutMs });
    await log.append(posts(3));
    await goBackAfter(node, () => log.append(posts(3, "lost")));
    // One that knows of nothing.
    const fresh = await openLog(node.address, { timeoutMs });
    await fresh.append(posts(10, "other"));
    expect(await log.append([post("on top")])).toMatchObject(isRefused);
    expect(String(log.writeFault?.cause)).toMatch(
      /message 6 is not the one that it was|ends with message/,
    );
    await fresh.append(posts(3, "more"));
    expect((await texts(log)).filter((text) => !/^(message|lost) \d$/.test(text))).toEqual([]);
  });

  test("is noticed by a server that was restarted, from what it keeps in its folder", async () => {
    const node = await startNats();
    const headFolder = join(tempDir(), "data");
    const open = () => openLog(node.address, { timeoutMs, headFolder });
    const first = await open();
    await first.append(posts(3));
    await goBackAfter(node, async () => {
      await first.append(posts(3, "lost"));
      await first.close();
    });
    const log = await open();
    expect(await log.append([post("in the place")])).toMatchObject(isRefused);
    await expect.poll(() => String(log.writeFault?.cause)).toContain("has lost messages");
    const cursor = formatCursor(log.identity, 5);
    await expect(resolveCursor(log, cursor)).rejects.toMatchObject({ code: Code.Unavailable });
    await log.close();
    // Whoever decides to continue with what is left removes the file.
    rmSync(join(headFolder, `nats-head-${log.identity}`));
    const again = await open();
    expect((await again.append([post("on")])).positions[0]!.sequence).toBe(4);
    await again.close();
    const whole = await open();
    expect((await whole.append([post("and on")])).positions[0]!.sequence).toBe(5);
  });

  test("is noticed by a cursor, where nothing else is known", async () => {
    const node = await startNats();
    const log = await openLog(node.address, { timeoutMs });
    await log.append(posts(3));
    const cursor = formatCursor(log.identity, 5);
    await expect(resolveCursor(log, cursor)).rejects.toMatchObject({ code: Code.OutOfRange });
    expect(await log.append([post("in the place of another one")])).toMatchObject(isRefused);
    expect(String(log.writeFault?.cause)).toContain("a client has a cursor of 5");
  });

  test("is not suspected where retention has removed what was seen, or the folder cannot be written", async () => {
    const node = await startNats();
    const headFolder = "/proc/nowhere";
    const warnings: string[] = [];
    const logger = {
      info() {},
      error() {},
      warn: (_: object, text: string) => warnings.push(text),
    };
    const retention = { maxMessages: 5 };
    const log = await openLog(node.address, { timeoutMs, headFolder, logger, retention });
    expect(warnings.join()).toContain("cannot be written");
    await log.append(posts(20));
    await node.kill();
    await node.start();
    expect((await log.append(posts(20))).positions).toHaveLength(20);
    expect(log.writeFault).toBeUndefined();
  });
});
