import { type HttpVersion, TunnelSubscribers } from "../load/tunnel-subscribers.js";
import type { Server } from "../servers.js";
import { measure, pause, type Sample, type Work } from "../work.js";

const count = 2_000;
/** How long memory may take to settle. */
const settleMs = 1_500;
/** In this time, each subscription has a heartbeat and a ping. */
const idleMs = 25_000;

/** What subscribers that receive nothing cost, and what opening them does, in the tunnel. */
export const tunnelWorks: readonly Work[] = (["1.1", "2"] as const).flatMap((version) => {
  const name = `tunnel-http${version === "2" ? 2 : 1}`;
  return [
    tunnelWork(`${name}-open`, "CPU µs a subscriber", version, async (server, open) => {
      const { cpuMicros } = await measure(server, open);
      return { cost: cpuMicros / count };
    }),
    tunnelWork(`${name}-rss`, "KiB a subscriber", version, async (server, open) => {
      const before = await server.usage();
      await open();
      await pause(settleMs);
      const after = await server.usage();
      return { cost: (after.rss - before.rss) / count / 1024, rssMiB: after.rss / 2 ** 20 };
    }),
    tunnelWork(`${name}-idle`, "CPU µs a subscriber and second", version, async (server, open) => {
      await open();
      await pause(settleMs);
      const { cpuMicros, seconds } = await measure(server, () => pause(idleMs));
      return { cost: cpuMicros / count / seconds };
    }),
  ];
});

/** @param round opens all subscriptions, and measures */
function tunnelWork(
  name: string,
  unit: Work["unit"],
  version: HttpVersion,
  round: (server: Server, open: () => Promise<void>) => Promise<Sample>,
): Work {
  return {
    name,
    unit,
    servers: ["chatter-memory"],
    fresh: true,
    async prepare(server) {
      // What the first few take is the code's, not theirs.
      const few = new TunnelSubscribers();
      await few.open(server, version, 100);
      few.close();
      await pause(500);
      const all = new TunnelSubscribers();
      return {
        async round() {
          const sample = await round(server, () => all.open(server, version, count));
          const connection = await server.connect("grpc");
          connection.open("listener", () => {}).post(1);
          await all.received(); // They are all there.
          connection.close();
          return sample;
        },
        end: () => all.close(),
      };
    },
  };
}
