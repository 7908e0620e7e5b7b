import { describe, test } from "vitest";
import { rounds } from "../support/log-messages.js";
import { hasNats } from "../support/nats-server.js";
import { startCluster } from "./support/cluster.js";
import { printRecoveries, type Recoveries } from "./support/recoveries.js";
import { Traffic } from "./support/traffic.js";

const count = Math.min(10, rounds(1));

describe.skipIf(!hasNats)("three NATS nodes and four servers", () => {
  test(`any of them is killed (${count} times each): nothing answered is lost, doubled or out of order`, {
    timeout: 60_000 + count * 90_000,
  }, async () => {
    const cluster = await startCluster(4);
    const traffic = await Traffic.start(cluster.urls);
    const times: Recoveries<"leader" | "follower" | "server"> = {
      leader: [],
      follower: [],
      server: [],
    };
    for (let i = 0; i < count; i++) {
      for (const role of ["leader", "follower"] as const) {
        const node = (await cluster.roles())[role];
        await node.kill();
        times[role].push(await traffic.recovered());
        await node.start();
        await cluster.healed();
      }
      const server = cluster.servers[i % cluster.servers.length]!;
      await server.stop("SIGKILL");
      times.server.push(await traffic.recovered());
      await server.start();
      await traffic.recovered();
    }
    printRecoveries(times);
    await traffic.expectExactlyOnce();
  });
});
