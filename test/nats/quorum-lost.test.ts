import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { post, texts } from "../support/log-messages.js";
import { hasNats, startNatsCluster } from "../support/nats-server.js";
import { sleep } from "../support/streams.js";
import { manage } from "./support/manager.js";
import { openLog } from "./support/open-log.js";

describe.skipIf(!hasNats)("a cluster that has no quorum for a while", () => {
  test("answers each post when it is back: once, also one that is sent twice meanwhile", {
    timeout: 90_000,
  }, async () => {
    const nodes = await startNatsCluster();
    const log = await openLog(nodes[0]!.address, { timeoutMs: 20_000 });
    await log.append([post("before")]);
    const info = await (await manage(nodes[0]!.address)).streams.info("chatter");
    const leader = nodes[Number(info.cluster!.leader!.slice(1)) - 1]!;
    const here = await openLog(leader.address, { timeoutMs: 20_000 });
    const there = await openLog(leader.address, { timeoutMs: 20_000 });
    const others = nodes.filter((node) => node !== leader);

    for (const node of others) {
      node.pause();
    }
    const first = here.append([post("first", "id")]);
    const own = here.append([post("without an id")]);
    await sleep(50);
    const again = there.append([post("first", "id")]);
    const taken = there.append([post("another text", "id")]);
    await sleep(2500);
    for (const node of others) {
      node.resume();
    }
    const start = performance.now();
    const [{ positions }, repeat, refused] = await Promise.all([first, again, taken]);
    expect((await own).error).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(positions).toHaveLength(1);
    expect(repeat).toEqual({ positions });
    expect(refused.error?.code).toBe(Code.AlreadyExists);
    expect((await texts(here)).sort()).toEqual(["before", "first", "without an id"]);
  });
});
