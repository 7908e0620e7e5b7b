import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { formatCursor } from "../../src/server/encoding/cursor.js";
import { resolveCursor } from "../../src/server/service/reading/resolve-cursor.js";
import { startChatter } from "../support/chatter-server.js";
import { post } from "../support/log-messages.js";
import { hasNats, startNatsCluster } from "../support/nats-server.js";
import { startDividedCluster } from "./support/divided-cluster.js";
import { manage } from "./support/manager.js";
import { openLog } from "./support/open-log.js";

describe.skipIf(!hasNats)("a server at a leader that has no quorum any more", () => {
  test("says nothing final of a cursor that the others have given, and is not ready", {
    timeout: 90_000,
  }, async () => {
    const { nodes, isolate, heal } = await startDividedCluster();
    const timeoutMs = 20_000;
    const everywhere = nodes.map(({ address }) => address);
    const there = await openLog("", { address: { servers: everywhere }, timeoutMs });
    await there.append([post("before")]);
    const info = await (await manage(nodes[0]!.address)).streams.info("chatter");
    const leader = nodes[Number(info.cluster!.leader!.slice(1)) - 1]!;
    const others = nodes.filter((node) => node !== leader);

    isolate(leader);
    const elsewhere = await openLog("", {
      address: { servers: others.map(({ address }) => address) },
      timeoutMs,
    });
    const { positions } = await elsewhere.append([post("taken by the others")]);
    const cursor = formatCursor(there.identity, positions[0]!.sequence);
    const here = await openLog(leader.address, { timeoutMs });
    const server = await startChatter({ log: here });
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
    const resolving = resolveCursor(here, cursor);
    await expect(resolving).rejects.toMatchObject({ code: Code.Unavailable });
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);

    heal();
    await expect.poll(() => here.writeFault, { timeout: 30_000 }).toBeUndefined();
    expect(await resolveCursor(here, cursor)).toBe(2);
    // And what is certain is said.
    const beyond = resolveCursor(here, formatCursor(here.identity, 1000));
    await expect(beyond).rejects.toMatchObject({ code: Code.OutOfRange });
  });

  test("is not ready 5 s after the quorum is gone", { timeout: 60_000 }, async () => {
    const nodes = await startNatsCluster();
    const log = await openLog(nodes[0]!.address);
    expect(log.writeFault).toBeUndefined();
    const info = await (await manage(nodes[0]!.address)).streams.info("chatter");
    const others = nodes.filter((_, i) => `n${i + 1}` !== info.cluster!.leader);
    for (const node of others) {
      node.pause();
    }
    await expect.poll(() => log.writeFault?.code, { timeout: 10_000 }).toBe(Code.Unavailable);
    for (const node of others) {
      node.resume();
    }
    await expect.poll(() => log.writeFault, { timeout: 30_000 }).toBeUndefined();
    // Nothing of what was asked is in the log.
    expect(log.head).toBe(0);
    expect((await log.append([post("first")])).positions[0]!.sequence).toBe(1);
  });
});
