import { type Connection, deferred } from "../load/connection.js";
import { TextChecker } from "../load/texts.js";
import { pause } from "../work.js";
import type { Cpu, Deployment } from "./deployment.js";

/** Maximum number of streams on one connection. */
const streamsPerConnection = 64;

/** How posts are made: by echo streams, spread evenly over the servers. */
export interface PostLoad {
  readonly streams: number;
  /** Number of posts of each stream that wait for their echo at the same time. */
  readonly outstanding: number;
}

export interface PostSample {
  /** Posts a second that were echoed, so acknowledged by the log. */
  readonly perSecond: number;
  /** CPU microseconds a post, of all processes of a kind. */
  readonly cpuMicros: Cpu;
}

/** Posts for that long, each stream the next text when an echo is back; checks every echo. */
export async function measurePosts(
  deployment: Deployment,
  { streams, outstanding }: PostLoad,
  durationMs: number,
): Promise<PostSample> {
  const connections: Connection[] = [];
  try {
    const failure = deferred<never>();
    let echoed = 0;
    let isOver = false;
    const posters = [];
    const { servers } = deployment.shape;
    for (let i = 0; i < streams; i++) {
      const server = i % servers;
      const isFull = Math.floor(i / servers) % streamsPerConnection === 0;
      if (isFull) {
        connections[server] = await deployment.connect(server);
      }
      posters.push(openPoster(connections[server]!));
    }
    function openPoster(connection: Connection) {
      const checker = new TextChecker();
      const channel = connection.open("echoer", (bytes, start, end) => {
        checker.take(bytes, start, end);
        echoed++;
        if (!isOver) {
          channel.post(1);
        }
      });
      channel.whole.catch(failure.reject);
      return channel;
    }
    for (const poster of posters) {
      poster.post(outstanding);
    }
    await Promise.race([pause(durationMs / 4), failure.promise]);
    const before = await deployment.cpu();
    const [first, start] = [echoed, performance.now()];
    await Promise.race([pause(durationMs), failure.promise]);
    const count = echoed - first;
    const seconds = (performance.now() - start) / 1000;
    const after = await deployment.cpu();
    isOver = true;
    for (const poster of posters) {
      poster.end();
    }
    await Promise.race([Promise.all(posters.map(({ whole }) => whole)), failure.promise]);
    return {
      perSecond: count / seconds,
      cpuMicros: {
        chatter: (after.chatter - before.chatter) / count,
        nats: (after.nats - before.nats) / count,
        client: (after.client - before.client) / count,
      },
    };
  } finally {
    for (const connection of connections) {
      connection?.close();
    }
  }
}
