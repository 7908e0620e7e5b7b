import { describe, test } from "vitest";
import { hasNats } from "../support/nats-server.js";
import { startCluster } from "./support/cluster.js";
import { Traffic } from "./support/traffic.js";

describe.skipIf(!hasNats)("servers that are restarted one after the other", () => {
  test("no post fails, and no subscriber misses a message or gets one twice", {
    timeout: 90_000,
  }, async () => {
    const cluster = await startCluster(3);
    const traffic = await Traffic.start(cluster.urls);
    for (const server of cluster.servers) {
      await traffic.recovered();
      await server.stop("SIGTERM");
      await traffic.recovered();
      await server.start();
    }
    await traffic.recovered();
    await traffic.expectExactlyOnce();
  });
});
