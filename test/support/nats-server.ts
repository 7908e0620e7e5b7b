import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished } from "vitest";
import { isNatsRecent } from "../../src/server/log/nats/version.js";
import { afterEachFile } from "./clean-up.js";
import { requireAll } from "./log-messages.js";
import { tempDir } from "./temp-dir.js";

/** A nats-server with JetStream, in a process of its own. */
export interface NatsProcess {
  /** Such as "127.0.0.1:41234". */
  readonly address: string;
  readonly port: number;
  /** Where it keeps streams. */
  readonly store: string;
  /** What it logs, for tests that fail. */
  readonly log: () => string;
  /** Ends it by SIGKILL and waits until it is gone. */
  kill(): Promise<void>;
  /** Stops it (SIGSTOP): it answers nothing, but nobody is notified. */
  pause(): void;
  /** Continues after `pause`. */
  resume(): void;
  /** Makes a single node load another configuration while it runs. */
  reload(config: string): Promise<void>;
  /** Starts it again, on the same port and with the same store. */
  start(): Promise<void>;
}

/** A nats-server program that is here and new enough. */
export interface NatsProgram {
  readonly path: string;
  /** Such as "2.11.0". */
  readonly version: string;
}

/**
 * Those that tests may use: in the folders that CHATTER_TEST_NATS_SERVERS names, joined by ":",
 * else in the PATH. The tests that need one take the first.
 */
export const natsPrograms: readonly NatsProgram[] = findPrograms();

/** Whether there is a nats-server here; if one is required and missing, the file fails. */
export const hasNats = natsPrograms.length > 0;

function findPrograms(): NatsProgram[] {
  const folders = process.env.CHATTER_TEST_NATS_SERVERS;
  const paths = folders?.split(":").map((folder) => join(folder, "nats-server")) ?? ["nats-server"];
  const found = paths.map((path) => ({ path, version: versionOf(path) }));
  const programs = found.filter((program): program is NatsProgram => isNatsRecent(program.version));
  const older = found.filter(({ version }) => !isNatsRecent(version));
  if (older.length > 0) {
    const what = older.map(({ path, version }) =>
      version === undefined ? `${path} is not there` : `${path} is ${version}, too old`,
    );
    expect(requireAll ? what : [], "get one by .ci/nats-servers").toEqual([]);
    process.stderr.write(
      `${what.join(", ")}: tests of the engine on NATS are skipped; .ci/nats-servers gets what they need\n`,
    );
  }
  return programs;
}

function versionOf(path: string): string | undefined {
  const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
  return status === 0 ? stdout.trim().replace(/^nats-server: v/, "") : undefined;
}

/** Starts a nats-server; killed after the test, or after the file's tests. */
export async function startNats(
  config = "",
  program = natsPrograms[0],
  limits?: string,
): Promise<NatsProcess> {
  const [port] = await freePorts(1);
  const node = createNode(port!, `server_name: alone\n${config}`, program!.path, limits);
  await node.start();
  return node;
}

/**
 * Starts a cluster of three.
 *
 * @param advertise where clients shall look for a node in place of its own port
 */
export async function startNatsCluster(
  advertise?: readonly number[],
  program = natsPrograms[0],
): Promise<NatsProcess[]> {
  const ports = await freePorts(6);
  const routes = ports.slice(3).map((port) => `nats://127.0.0.1:${port}`);
  const nodes = ports.slice(0, 3).map((port, i) =>
    createNode(
      port,
      `server_name: n${i + 1}
       ${advertise === undefined ? "" : `client_advertise: "127.0.0.1:${advertise[i]}"`}
       cluster { name: c, listen: "127.0.0.1:${ports[i + 3]}", routes: [${routes.join(", ")}] }`,
      program!.path,
    ),
  );
  await Promise.all(nodes.map((node) => node.start()));
  return nodes;
}

/**
 * Starts a cluster of three whose nodes reach each other only by what `via` gives for the
 * cluster's port of a node: asked once for each pair and direction.
 */
export async function startRoutedCluster(
  via: (from: number, to: number, clusterPort: number) => Promise<string>,
  program = natsPrograms[0],
): Promise<NatsProcess[]> {
  const ports = await freePorts(6);
  const all = [0, 1, 2];
  const nodes = await Promise.all(
    all.map(async (from) => {
      const others = all.filter((to) => to !== from);
      const routes = await Promise.all(others.map((to) => via(from, to, ports[3 + to]!)));
      return createNode(
        ports[from]!,
        `server_name: n${from + 1}
         cluster {
           name: c, listen: "127.0.0.1:${ports[3 + from]}", no_advertise: true
           advertise: "127.0.0.1:1" # Where nobody is: they tell each other of this address.
           routes: [${routes.map((address) => `nats://${address}`).join(", ")}]
         }`,
        program!.path,
      );
    }),
  );
  await Promise.all(nodes.map((node) => node.start()));
  return nodes;
}

/** Ports that are free now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

/** Where a node is, if not simply on the loopback. */
export interface NodePlace {
  readonly host: string;
  /** What runs the program there: "ip netns exec" and the namespace. */
  readonly runner: readonly string[];
  /** Where it keeps streams. */
  readonly store: string;
}

/** A node that is not started yet; killed after the test, or after the file's tests. */
export function createNode(
  port: number,
  config: string,
  program: string,
  limits = "max_file: 2G",
  place?: NodePlace,
): NatsProcess {
  const dir = tempDir();
  const { host = "127.0.0.1", runner = [], store = join(dir, "store") } = place ?? {};
  const [command = program, ...args] = [...runner, program];
  const file = join(dir, "nats.conf");
  const logFile = join(dir, "nats.log");
  const configure = (more: string) =>
    writeFileSync(
      file,
      `host: "${host}", port: ${port}, log_file: "${logFile}"
       jetstream { store_dir: "${store}", max_mem: 256M, ${limits} }
       ${more}`,
    );
  configure(config);
  let child: ChildProcess | undefined;
  const kill = async () => {
    const ending = child;
    child = undefined;
    if (ending !== undefined && ending.exitCode === null && ending.signalCode === null) {
      ending.kill("SIGKILL");
      await once(ending, "exit");
    }
  };
  afterwards(kill);
  return {
    address: `${host}:${port}`,
    port,
    store,
    log: () => readFileSync(logFile, "utf8"),
    kill,
    pause: () => child?.kill("SIGSTOP"),
    resume: () => child?.kill("SIGCONT"),
    async reload(more) {
      const before = readFileSync(logFile, "utf8").length;
      configure(`server_name: alone\n${more}`);
      child?.kill("SIGHUP");
      while (!/Reloaded/.test(readFileSync(logFile, "utf8").slice(before))) {
        await sleep(20);
      }
    },
    async start() {
      child = spawn(command, [...args, "-c", file], { stdio: ["ignore", "ignore", "pipe"] });
      const started = child;
      let errors = "";
      started.stderr?.on("data", (chunk) => {
        errors += chunk;
      });
      while (!(await isOpen(port, host))) {
        if (started.exitCode !== null) {
          throw new Error(`nats-server has ended with ${started.exitCode}: ${errors}`);
        }
        await sleep(20);
      }
    },
  };
}

/** Whether somebody listens on a port, of the loopback unless it is said otherwise. */
export async function isOpen(port: number, host = "127.0.0.1"): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

const ofTheFile: (() => Promise<void>)[] = [];
afterEachFile(async () => {
  await Promise.all(ofTheFile.splice(0).map((end) => end()));
});

function afterwards(end: () => Promise<void>): void {
  try {
    onTestFinished(end);
  } catch {
    ofTheFile.push(end);
  }
}
