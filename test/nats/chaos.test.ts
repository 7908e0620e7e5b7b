import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ChatterClient } from "../../src/client/chatter-client.js";
import { createChatterClient } from "../../src/client/node.js";
import { demo } from "../client/support/wires.js";
import { requireAll } from "../support/log-messages.js";
import { hasNats, natsPrograms } from "../support/nats-server.js";
import { sleep } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { type Cluster, startCluster } from "./support/cluster.js";
import { hasNetworks, type NetworkNode, startNetworkCluster } from "./support/network.js";
import { historyOf, inRooms, Traffic } from "./support/traffic.js";

/** How long faults continue, for each nats-server; 0: the test is left out. */
const seconds = Number(process.env.CHATTER_TEST_CHAOS_SECONDS ?? 0);
const canRun = hasNats && seconds > 0 && hasNetworks();
if (seconds > 0 && !canRun) {
  expect(requireAll, "there are no network namespaces here: it takes root and iproute2").toBe(
    false,
  );
  process.stderr.write("no network namespaces here: the test of random faults is skipped\n");
}

/** The same seed has the same faults, at the same places, though not at the same instants. */
function createRandom(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Fault = (cluster: Cluster, node: NetworkNode, ms: number) => Promise<void>;

const faults: Readonly<Record<string, Fault>> = {
  async "a node is killed"(_, node, ms) {
    await node.kill();
    await sleep(ms);
    await node.start();
  },
  async "a node hangs"(_, node, ms) {
    node.pause();
    await sleep(ms);
    node.resume();
  },
  async "a node is cut off"(_, node, ms) {
    node.disconnect();
    await sleep(ms);
    node.connect();
  },
  async "a node is not heard"(_, node, ms) {
    node.mute();
    await sleep(ms);
    node.connect();
  },
  async "a node is slow to receive"(_, node, ms) {
    node.delay(100);
    await sleep(ms);
    node.connect();
  },
  async "the disk of a node is full"(_, node, ms) {
    node.fillDisk();
    await sleep(ms);
    node.makeRoom();
    await node.kill(); // JetStream is off there until it is started again.
    await node.start();
  },
  async "all nodes are restarted, one after the other"(cluster) {
    for (const each of cluster.nodes) {
      await each.kill();
      await each.start();
      await cluster.healed();
    }
  },
  async "a Chatter server is killed"(cluster, _, ms) {
    const server = cluster.servers[ms % cluster.servers.length]!;
    await server.stop("SIGKILL");
    await server.start();
  },
};

/** Restores all nodes to their state before a post: it is noticed, and nothing more is accepted. */
async function goBack(cluster: Cluster, clients: readonly ChatterClient[]): Promise<void> {
  const dir = tempDir();
  const stop = () => Promise.all(cluster.nodes.map((node) => node.kill()));
  const start = () => Promise.all(cluster.nodes.map((node) => node.start()));
  await stop();
  for (const [i, { store }] of cluster.nodes.entries()) {
    cpSync(store, join(dir, `${i}`), { recursive: true });
  }
  await start();
  await clients[0]!.publisher().post("what is lost");
  for (const client of clients) {
    const last = async () => (await historyOf(client, ["*"])).at(-1)?.text;
    await expect.poll(last, { timeout: 30_000 }).toBe("what is lost");
  }
  await stop();
  for (const [i, { store }] of cluster.nodes.entries()) {
    rmSync(store, { recursive: true });
    cpSync(join(dir, `${i}`), store, { recursive: true });
  }
  await start();
  const isReady = async (url: string) => (await fetch(`${url}/readyz`)).ok;
  await sleep(15_000); // As long as it takes them to be ready if they took it for nothing.
  for (const { url } of cluster.servers) {
    expect(await isReady(url), url).toBe(false);
  }
}

describe.skipIf(!canRun)("three NATS nodes, three servers, and whatever may happen", () => {
  test.each(natsPrograms)(
    `for ${seconds} s: nothing answered is lost, doubled or out of order, and all servers tell the same: nats-server $version`,
    { timeout: 300_000 + 2 * seconds * 1000 },
    async (program) => {
      const seed = Number(process.env.CHATTER_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
      const random = createRandom(seed);
      const say = (text: string) => process.stderr.write(`${program.version}: ${text}\n`);
      say(`CHATTER_TEST_SEED=${seed}`);
      const nodes = await startNetworkCluster(program);
      const cluster = await startCluster(3, ["--nats-timeout", "60"], nodes);
      const clients = cluster.servers.map(({ url }) =>
        createChatterClient({ url, auth: demo, transport: "grpc" }),
      );
      const traffic = await Traffic.start(cluster.urls, 50);
      const canDelay = nodes[0]!.delay(0);
      nodes[0]!.connect();
      if (!canDelay) {
        say("this kernel delays nothing: no node is slow to receive");
      }
      const names = Object.keys(faults).filter((name) => canDelay || !name.includes("slow"));
      const end = Date.now() + seconds * 1000;
      for (let round = 1; Date.now() < end; round++) {
        const name = names[random(names.length)]!;
        const node = nodes[random(nodes.length)]!;
        const ms = 1000 + random(9000);
        const start = Date.now();
        let all: Awaited<ReturnType<typeof historyOf>> | undefined;
        await faults[name]!(cluster, node, ms);
        await traffic.recovered();
        await cluster.healed();
        say(`${round}. ${name}: ${ms} ms, well after ${Date.now() - start} ms`);
        for (const rooms of [["*"], ["team/*"], ["main"], ["lobby", "team/b"]]) {
          const histories = await Promise.all(clients.map((client) => historyOf(client, rooms)));
          const length = Math.min(...histories.map((history) => history.length));
          all ??= histories[0]!.slice(0, length); // What all servers had already.
          const wanted = inRooms(all, rooms);
          for (const history of histories) {
            expect(history.slice(0, length)).toEqual(histories[0]!.slice(0, length));
            expect(history.slice(0, wanted.length)).toEqual(wanted);
          }
        }
      }
      await traffic.expectExactlyOnce();
      await goBack(cluster, clients);
      for (const client of clients) {
        client.close();
      }
    },
  );
});
