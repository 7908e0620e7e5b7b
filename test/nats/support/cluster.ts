import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { expect, onTestFinished } from "vitest";
import { freePorts, type NatsProcess, startNatsCluster } from "../../support/nats-server.js";
import { type ServeProcess, startServe } from "../../support/serve.js";
import { tempDir } from "../../support/temp-dir.js";
import { startBalancer } from "./balancer.js";

/** Three NATS nodes, some Chatter servers on them, and a way to each of the servers. */
export interface Cluster {
  readonly nodes: readonly NatsProcess[];
  readonly servers: readonly ChatterNode[];
  /** Lead to the server of that place if it is there, else to the next one. */
  readonly urls: readonly string[];
  /** The node that leads the stream, and one that does not. */
  roles(): Promise<{ leader: NatsProcess; follower: NatsProcess }>;
  /** Resolves when all nodes have all of the stream. */
  healed(): Promise<void>;
}

/** A Chatter server in a process of its own, always on the same port. */
export interface ChatterNode {
  readonly url: string;
  start(): Promise<void>;
  stop(signal: NodeJS.Signals): Promise<void>;
}

/**
 * Starts three NATS nodes and `count` servers.
 *
 * @param args more arguments for each server
 * @param given nodes that run, named n1, n2 …; default: a cluster on the loopback
 */
export async function startCluster(
  count: number,
  args: readonly string[] = [],
  given?: readonly NatsProcess[],
): Promise<Cluster> {
  const nodes = given ?? (await startNatsCluster());
  const addresses = nodes.map(({ address }) => `nats://${address}`).join(",");
  const ports = await freePorts(count);
  // They share the folder for the demo's key, which is all that is in it.
  const shared = ["--demo", "--data-dir", tempDir(), "--log-level", "error"];
  const servers = ports.map((port) =>
    createChatterNode(port, [...shared, "--log", addresses, "--port", `${port}`, ...args]),
  );
  for (const server of servers) {
    await server.start();
  }
  const urls = await Promise.all(
    ports.map((_, i) => startBalancer([...ports.slice(i), ...ports.slice(0, i)])),
  );
  const connection = await connect({
    servers: nodes.map(({ address }) => address),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
  });
  onTestFinished(() => connection.close());
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 500 });
  const clusterInfo = async () => {
    try {
      return (await manager.streams.info("chatter")).cluster;
    } catch {
      return undefined; // It has no leader now.
    }
  };
  const names = nodes.map((_, i) => `n${i + 1}`);

  return {
    nodes,
    servers,
    urls,
    async roles() {
      const leader = names.indexOf((await clusterInfo())?.leader ?? "");
      expect(leader).toBeGreaterThanOrEqual(0);
      return { leader: nodes[leader]!, follower: nodes[(leader + 1) % 3]! };
    },
    async healed() {
      const isWhole = async () => {
        const { leader = "", replicas = [] } = (await clusterInfo()) ?? {};
        const others = replicas.filter(({ current, offline }) => current && !offline);
        return leader !== "" && others.length === nodes.length - 1;
      };
      await expect.poll(isWhole, { timeout: 60_000, interval: 100 }).toBe(true);
    },
  };
}

function createChatterNode(port: number, args: readonly string[]): ChatterNode {
  let running: ServeProcess | undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    async start() {
      running = await startServe(args);
    },
    async stop(signal) {
      await running?.stop(signal);
    },
  };
}
