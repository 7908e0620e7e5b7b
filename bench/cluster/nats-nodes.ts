import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pause } from "../work.js";

const startTimeoutMs = 20_000;

/** Clock ticks a second in /proc: the same on every Linux. */
const ticksPerSecond = 100;

/** nats-server processes with JetStream: one, or a cluster. */
export interface NatsNodes {
  /** The value of `--log`. */
  readonly url: string;
  /** CPU time of all nodes so far, in microseconds. */
  cpuMicros(): number;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();

/** Kills every node that is still there. */
export function killNodes(): void {
  for (const child of running) {
    child.kill("SIGKILL");
  }
}

/** Starts this many nodes on free ports of the loopback, with their files in a temporary folder. */
export async function startNodes(count: number): Promise<NatsNodes> {
  const folder = await mkdtemp(join(tmpdir(), "chatter-bench-nats-"));
  const ports = await freePorts(2 * count);
  const clientPorts = ports.slice(0, count);
  const routes = ports.slice(count).map((port) => `nats://127.0.0.1:${port}`);
  const children: ChildProcess[] = [];
  for (const [i, port] of clientPorts.entries()) {
    const dir = join(folder, `${i}`);
    await mkdir(dir);
    const cluster = `cluster { name: c, listen: "127.0.0.1:${ports[count + i]}", routes: [${routes}] }`;
    await writeFile(
      join(dir, "nats.conf"),
      `host: "127.0.0.1", port: ${port}, server_name: n${i}
       jetstream { store_dir: "${join(dir, "store")}", max_mem: 256M, max_file: 4G }
       ${count > 1 ? cluster : ""}`,
    );
    const child = spawn("nats-server", ["-c", join(dir, "nats.conf")], { stdio: "ignore" });
    running.add(child);
    child.once("exit", () => running.delete(child));
    children.push(child);
  }
  await Promise.all(clientPorts.map((port, i) => untilOpen(port, children[i]!)));
  return {
    url: clientPorts.map((port) => `nats://127.0.0.1:${port}`).join(","),
    cpuMicros: () => children.reduce((sum, { pid }) => sum + cpuMicrosOf(pid!), 0),
    async stop() {
      await Promise.all(
        children.map(async (child) => {
          child.kill("SIGKILL");
          await (running.has(child) && once(child, "exit"));
        }),
      );
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** User and system time of a process, all its threads. */
function cpuMicrosOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

async function untilOpen(port: number, child: ChildProcess): Promise<void> {
  const end = Date.now() + startTimeoutMs;
  while (Date.now() < end && child.exitCode === null) {
    const socket = connect(port, "127.0.0.1");
    const isOpen = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) {
      return;
    }
    await pause(50);
  }
  throw new Error("a nats-server has not started");
}
