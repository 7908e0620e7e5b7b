import { describe } from "vitest";
import { openNatsLog } from "../../src/server/log/nats/nats-log.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { describeContract } from "./contract.js";

describe.skipIf(!hasNats)("with a nats-server", async () => {
  const nats = hasNats ? await startNats() : undefined;
  let count = 0;

  describeContract("the log on NATS JetStream", ({ dedupe, retention = {} } = {}) =>
    openNatsLog({
      address: { servers: [nats!.address] },
      stream: `log-${++count}`,
      retention,
      dedupeMs: dedupe?.windowMs ?? 600_000,
      timeoutMs: 5000,
    }),
  );
});
