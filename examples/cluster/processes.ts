import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const chatterProgram = fileURLToPath(new URL("../../bin/chatter.js", import.meta.url));

/** Everything that the processes write; gone when this program ends. */
const folder = mkdtempSync(join(tmpdir(), "chatter-cluster-"));
const children = new Set<ChildProcess>();

/** Ends every process and removes the folder. */
export function endAll(): void {
  for (const child of children) {
    child.kill("SIGKILL");
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
}

/** A node of the NATS cluster. */
export interface NatsNode {
  readonly name: string;
  /** Such as "127.0.0.1:41234". */
  readonly address: string;
  start(): void;
  /** As if its machine were gone: SIGKILL. */
  kill(): Promise<void>;
}

/** A cluster of NATS nodes with JetStream, on free ports of the loopback; not started. */
export async function createNatsNodes(count: number): Promise<NatsNode[]> {
  const ports = await freePorts(2 * count);
  const routes = ports.slice(count).map((port) => `nats://127.0.0.1:${port}`);
  return ports.slice(0, count).map((port, i) => {
    const name = `n${i + 1}`;
    const dir = join(folder, name);
    const config = join(dir, "nats.conf");
    mkdirSync(dir);
    writeFileSync(
      config,
      `server_name: ${name}
       listen: "127.0.0.1:${port}"
       jetstream { store_dir: ${JSON.stringify(dir)} }
       cluster { name: example, listen: "127.0.0.1:${ports[count + i]}", routes: [${routes}] }`,
    );
    let child: ChildProcess;
    return {
      name,
      address: `127.0.0.1:${port}`,
      start() {
        child = start("nats-server", ["-c", config], "ignore");
      },
      async kill() {
        child.kill("SIGKILL");
        await once(child, "exit");
      },
    };
  });
}

/** Starts a Chatter server on a log; resolves to its URL when it listens. */
export async function startChatter(log: string): Promise<string> {
  const child = start(
    process.execPath,
    [
      ...[chatterProgram, "serve", "--port", "0", "--log", log, "--nats-timeout", "60"],
      // Servers have the same accounts and keys: those of the demo are in this folder.
      ...["--demo", "--data-dir", join(folder, "keys"), "--log-level", "silent"],
    ],
    "pipe",
  );
  let said = "";
  for await (const chunk of child.stdout!) {
    said += chunk;
    const url = /listening on (\S+)/.exec(said)?.[1];
    if (url !== undefined) {
      return url;
    }
  }
  throw new Error("a Chatter server has ended before it listened");
}

function start(command: string, args: readonly string[], stdout: "pipe" | "ignore"): ChildProcess {
  const child = spawn(command, args, {
    stdio: ["ignore", stdout, command === "nats-server" ? "ignore" : "inherit"],
  });
  children.add(child);
  child.once("exit", () => children.delete(child));
  child.once("error", (error) => {
    console.error(`${command} cannot be started: ${error.message}`);
    process.exit(1);
  });
  return child;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
