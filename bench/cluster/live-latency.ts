import { type Connection, deferred } from "../load/connection.js";
import { TextChecker } from "../load/texts.js";
import { pause, percentiles } from "../work.js";
import type { Deployment } from "./deployment.js";

const intervalMs = 10;
const subscribersPerServer = 10;

/** From the write of a post to its arrival at a subscriber, in milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/**
 * Posts 100 messages a second to one server, and reads them on all others (with one server,
 * on that).
 */
export async function measureLatency(deployment: Deployment, posts: number): Promise<Latency> {
  const connections: Connection[] = [];
  try {
    const { servers } = deployment.shape;
    const readers = servers === 1 ? [0] : Array.from({ length: servers - 1 }, (_, i) => i + 1);
    const sentAt = new Float64Array(posts);
    const latencies = new Float64Array(posts * readers.length * subscribersPerServer);
    const all = deferred<void>();
    let received = 0;
    for (const server of readers) {
      const connection = await deployment.connect(server);
      connections.push(connection);
      const heads = Array.from({ length: subscribersPerServer }, () => {
        const checker = new TextChecker();
        const channel = connection.open("subscribe", (bytes, start, end) => {
          checker.take(bytes, start, end);
          latencies[received++] = performance.now() - sentAt[checker.count - 1]!;
          if (received === latencies.length) {
            all.resolve();
          }
        });
        channel.whole.catch(all.reject);
        return channel.head;
      });
      await Promise.all(heads);
    }
    const connection = await deployment.connect(0);
    connections.push(connection);
    const poster = connection.open("listener", () => {});
    poster.whole.catch(all.reject);
    for (let i = 0; i < posts; i++) {
      sentAt[i] = performance.now();
      poster.post(1);
      await pause(intervalMs);
    }
    await all.promise;
    return percentiles(latencies);
  } finally {
    for (const connection of connections) {
      connection.close();
    }
  }
}
