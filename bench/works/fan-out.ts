import type { ServerName } from "../servers.js";
import { measure, percentiles, perMessage, type Work } from "../work.js";
import { Subscribers, type SubscribersOptions } from "./subscribers.js";

export interface FanOut extends SubscribersOptions {
  /** Number of events in flight. */
  readonly outstanding: number;
}

/** The servers with subscribers that are not WebSockets. */
export const grpcServers: readonly ServerName[] = [
  "chatter-memory",
  "chatter-durable",
  "grpc-js",
  "connect-node",
  "grpc-go",
  "connect-go",
  "nats",
];

/** Each event to every subscriber; a message is one event at one subscriber. */
export const fanOutWorks: readonly Work[] = [
  fanOut("fanout-1000-w1", { wire: "grpc", connections: 1000, streams: 1, outstanding: 1 }),
  fanOut("fanout-1000-w8", { wire: "grpc", connections: 1000, streams: 1, outstanding: 8 }),
  fanOut("fanout-10x100-w8", { wire: "grpc", connections: 10, streams: 100, outstanding: 8 }),
  fanOut("ws-fanout-1000-w1", { wire: "ws", connections: 1000, streams: 1, outstanding: 1 }),
  fanOut("ws-fanout-1000-w8", { wire: "ws", connections: 1000, streams: 1, outstanding: 8 }),
];

/** The work of a fan-out. */
export function fanOut(name: string, options: FanOut): Work {
  return {
    name,
    unit: "CPU µs a message",
    servers: options.wire === "ws" ? ["chatter-memory", "chatter-durable", "ws"] : grpcServers,
    async prepare(server, { quick }) {
      const subscribers = await Subscribers.open(server, options);
      const events = Math.round((quick ? 60_000 : 120_000) / subscribers.size);
      return {
        async round() {
          const sentAt = new Float64Array(events);
          const latencies = new Float64Array(events);
          const first = subscribers.next;
          const { outstanding } = options;
          subscribers.onComplete = (event) => {
            const now = performance.now();
            latencies[event - first] = now - sentAt[event - first]!;
            // The event that is posted now, in its place.
            sentAt[event - first + outstanding] = now;
          };
          const found = await measure(server, () => {
            sentAt.fill(performance.now(), 0, outstanding);
            return subscribers.run(events, outstanding);
          });
          return { ...perMessage(events * subscribers.size, found), ...percentiles(latencies) };
        },
        end: () => subscribers.close(),
      };
    },
  };
}

/** How long each of 25 events a second takes to reach each of 1000 subscribers. */
export const fanOutLatency: Work = {
  name: "fanout-latency",
  unit: "ms p99",
  servers: grpcServers,
  async prepare(server, { quick }) {
    const intervalMs = 40;
    const events = (quick ? 3 : 10) * (1000 / intervalMs);
    const subscribers = await Subscribers.open(server, {
      wire: "grpc",
      connections: 1000,
      streams: 1,
    });
    return {
      async round() {
        const sentAt = new Float64Array(events);
        const latencies = new Float64Array(events * subscribers.size);
        const first = subscribers.next;
        let received = 0;
        subscribers.onEvent = (event) => {
          latencies[received++] = performance.now() - sentAt[event - first]!;
        };
        const { rssMiB } = await measure(server, async () => {
          await new Promise<void>((resolve) => {
            const timer = setInterval(() => {
              sentAt[subscribers.next - first] = performance.now();
              subscribers.post();
              if (subscribers.next - first === events) {
                clearInterval(timer);
                resolve();
              }
            }, intervalMs);
          });
          await subscribers.complete();
        });
        const { p50, p99 } = percentiles(latencies);
        return { cost: p99, p50, p99, rssMiB };
      },
      end: () => subscribers.close(),
    };
  },
};
