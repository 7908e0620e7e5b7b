import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, onTestFinished } from "vitest";
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
  /** Stops it (SIGSTOP): it answers nothing, but nobody is told. */
  pause(): void;
  /** Goes on after `pause`. */
  resume(): void;
  /** Starts it again, on the same port and with the same store. */
  start(): Promise<void>;
}

/** Whether there is a nats-server here; if there must be one and is not, the file fails. */
export const hasNats = spawnSync("nats-server", ["--version"]).status === 0;

if (!hasNats) {
  expect(requireAll, "nats-server is not installed: apt-get install nats-server").toBe(false);
  process.stderr.write("nats-server is not installed: tests of the engine on NATS are skipped\n");
}

/** Starts a nats-server; killed after the test, or after the file's tests. */
export async function startNats(config = ""): Promise<NatsProcess> {
  const [port] = await freePorts(1);
  const node = createNode(port!, `server_name: alone\n${config}`);
  await node.start();
  return node;
}

/**
 * Starts a cluster of three and resolves when its JetStream has a leader.
 *
 * @param advertise where clients shall look for a node in place of its own port
 */
export async function startNatsCluster(advertise?: readonly number[]): Promise<NatsProcess[]> {
  const ports = await freePorts(6);
  const routes = ports.slice(3).map((port) => `nats://127.0.0.1:${port}`);
  const nodes = ports.slice(0, 3).map((port, i) =>
    createNode(
      port,
      `server_name: n${i + 1}
       ${advertise === undefined ? "" : `client_advertise: "127.0.0.1:${advertise[i]}"`}
       cluster { name: c, listen: "127.0.0.1:${ports[i + 3]}", routes: [${routes.join(", ")}] }`,
    ),
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

function createNode(port: number, config: string): NatsProcess {
  const dir = tempDir();
  const file = join(dir, "nats.conf");
  const logFile = join(dir, "nats.log");
  writeFileSync(
    file,
    `host: "127.0.0.1", port: ${port}, log_file: "${logFile}"
     jetstream { store_dir: "${join(dir, "store")}", max_mem: 256M, max_file: 2G }
     ${config}`,
  );
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
    address: `127.0.0.1:${port}`,
    port,
    store: join(dir, "store"),
    log: () => readFileSync(logFile, "utf8"),
    kill,
    pause: () => child?.kill("SIGSTOP"),
    resume: () => child?.kill("SIGCONT"),
    async start() {
      child = spawn("nats-server", ["-c", file], { stdio: ["ignore", "ignore", "pipe"] });
      const started = child;
      let errors = "";
      started.stderr?.on("data", (chunk) => {
        errors += chunk;
      });
      while (!(await isOpen(port))) {
        if (started.exitCode !== null) {
          throw new Error(`nats-server has ended with ${started.exitCode}: ${errors}`);
        }
        await sleep(20);
      }
    },
  };
}

/** Whether somebody listens on a port of the loopback. */
export async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
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
afterAll(async () => {
  await Promise.all(ofTheFile.splice(0).map((end) => end()));
});

function afterwards(end: () => Promise<void>): void {
  try {
    onTestFinished(end);
  } catch {
    ofTheFile.push(end);
  }
}
