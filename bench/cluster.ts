/*
 * Several servers on one log: `npx tsx bench/cluster.ts --help`. Needs Linux, whose /proc says what a
 * nats-server has used.
 */

import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { buildServers, root } from "./build.js";
import { type Cpu, type Deployment, type Shape, startDeployment } from "./cluster/deployment.js";
import { type Latency, measureLatency } from "./cluster/live-latency.js";
import { killNodes } from "./cluster/nats-nodes.js";
import { measurePosts, type PostLoad, type PostSample } from "./cluster/posts.js";
import { summariseProfile } from "./cluster/profile.js";
import { createCommand } from "./command.js";
import { createProgress } from "./progress.js";
import { killServers } from "./server-process.js";
import { pause } from "./work.js";

const description =
  "Chatter servers on one log: the embedded one, and nats-server, which must be in the PATH.";
const { quick: isQuick } = createCommand("cluster", description)
  .option("--quick", "one short round, which is not written to bench/results", false)
  .parse()
  .opts<{ readonly quick: boolean }>();
const nats = natsVersion();
const rounds = isQuick ? 1 : 3;
const durationMs = isQuick ? 1500 : 4000;
const latencyPosts = isQuick ? 100 : 500;

const shapes: readonly Shape[] = [
  { servers: 1, nodes: 0 },
  ...[1, 3].flatMap((nodes) => [1, 2, 4].map((servers) => ({ servers, nodes }))),
];
const loads: readonly PostLoad[] = [
  { streams: 1, outstanding: 1 },
  { streams: 16, outstanding: 1 },
  { streams: 256, outstanding: 1 },
  { streams: 1, outstanding: 256 },
];
/** The work that is profiled. */
const profiled = { shape: { servers: 2, nodes: 3 }, load: { streams: 256, outstanding: 1 } };

/** The results of all rounds of a shape. */
interface Found {
  readonly shape: Shape;
  readonly posts: PostSample[][];
  readonly latency: Latency[];
}

const progress = createProgress();
const build = await buildServers();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    killServers();
    killNodes();
    void build.remove().finally(() => process.exit(1));
  });
}

const found: Found[] = shapes.map((shape) => ({ shape, posts: loads.map(() => []), latency: [] }));
let profile: Record<string, number>;
try {
  for (let round = 1; round <= rounds; round++) {
    for (const result of found) {
      progress.say(`round ${round} of ${rounds}: ${nameOf(result.shape)}`);
      await withDeployment(result.shape, undefined, (deployment) => measure(deployment, result));
    }
  }
  progress.say("profile");
  profile = await takeProfile();
} finally {
  killServers();
  killNodes();
  await build.remove();
}
progress.clear();

const rows = found.map(rowOf);
const report = {
  machine: `${cpus().length} × ${cpus()[0]?.model}, shared by all processes and the load client`,
  node: process.versions.node,
  nats,
  date: new Date().toISOString(),
  rounds,
  rows,
  profile: {
    of: `one of the servers: ${nameOf(profiled.shape)}, ${loadName(profiled.load)}`,
    percentOfBusyTime: profile,
  },
};
for (const { name, posts, latencyMs } of rows) {
  process.stdout.write(`${name}: p50 ${latencyMs.p50} ms, p99 ${latencyMs.p99} ms\n`);
  for (const { load, perSecond, cpuMicros } of posts) {
    process.stdout.write(`  ${load}: ${perSecond}/s, µs a post ${JSON.stringify(cpuMicros)}\n`);
  }
}
process.stdout.write(`${JSON.stringify(report.profile, null, 2)}\n`);
if (!isQuick) {
  const file = join(root, "bench", "results", `cluster-${report.date.slice(0, 10)}.json`);
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
}

/** Ends the process with a line if there is none. */
function natsVersion(): string {
  try {
    return execFileSync("nats-server", ["--version"], { encoding: "utf8" }).trim();
  } catch (error) {
    process.stderr.write(`cluster: nats-server cannot be run: ${(error as Error).message}\n`);
    process.exit(2);
  }
}

async function withDeployment(
  shape: Shape,
  profileTo: string | undefined,
  run: (deployment: Deployment) => Promise<void>,
): Promise<void> {
  const deployment = await startDeployment(shape, build, profileTo);
  try {
    await run(deployment);
  } finally {
    await deployment.stop();
  }
}

async function measure(deployment: Deployment, { posts, latency }: Found): Promise<void> {
  await measurePosts(deployment, loads[1]!, durationMs); // New processes are slow.
  for (const [i, load] of loads.entries()) {
    posts[i]!.push(await measurePosts(deployment, load, durationMs));
  }
  await pause(500); // All servers have everything.
  latency.push(await measureLatency(deployment, latencyPosts));
}

async function takeProfile(): Promise<Record<string, number>> {
  const folder = await mkdtemp(join(tmpdir(), "chatter-bench-profile-"));
  try {
    await withDeployment(profiled.shape, folder, async (deployment) => {
      await measurePosts(deployment, profiled.load, 2 * durationMs);
    });
    return await summariseProfile(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function rowOf({ shape, posts, latency }: Found) {
  return {
    ...shape,
    name: nameOf(shape),
    posts: loads.map((load, i) => {
      const cpuOf = (kind: keyof Cpu) => median(posts[i]!.map(({ cpuMicros }) => cpuMicros[kind]));
      return {
        ...load,
        load: loadName(load),
        perSecond: median(posts[i]!.map(({ perSecond }) => perSecond)),
        cpuMicros: { chatter: cpuOf("chatter"), nats: cpuOf("nats"), client: cpuOf("client") },
      };
    }),
    latencyMs: {
      p50: median(latency.map(({ p50 }) => p50)),
      p99: median(latency.map(({ p99 }) => p99)),
    },
  };
}

/** With three digits: further ones are noise. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Number(sorted[Math.floor(sorted.length / 2)]!.toPrecision(3));
}

function nameOf({ servers, nodes }: Shape): string {
  const log = nodes === 0 ? "embedded log" : nodes === 1 ? "1 NATS node" : `${nodes} NATS nodes`;
  return `${servers} server${servers === 1 ? "" : "s"}, ${log}`;
}

function loadName({ streams, outstanding }: PostLoad): string {
  return `${streams} stream${streams === 1 ? "" : "s"} × ${outstanding} outstanding`;
}
