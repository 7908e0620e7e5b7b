import { pause, type Work } from "../work.js";
import { grpcServers } from "./fan-out.js";
import { Subscribers } from "./subscribers.js";

const count = 2_000;
/** How long memory may take to settle. */
const settleMs = 1_500;

/** Memory of subscribers that receive nothing, each on a connection of its own. */
export const idleRss: Work = {
  name: "idle-rss",
  unit: "KiB a subscriber",
  servers: grpcServers,
  fresh: true,
  async prepare(server) {
    // The memory for the first few belongs to the code, not to them.
    const few = await Subscribers.open(server, { wire: "grpc", connections: 20, streams: 1 });
    few.close();
    await pause(500);
    let all: Subscribers | undefined;
    return {
      async round() {
        const before = await server.usage();
        all = await Subscribers.open(server, { wire: "grpc", connections: count, streams: 1 });
        await pause(settleMs);
        const after = await server.usage();
        all.post();
        await all.complete(); // They are all there.
        return { cost: (after.rss - before.rss) / count / 1024, rssMiB: after.rss / 2 ** 20 };
      },
      end: () => all?.close(),
    };
  },
};
