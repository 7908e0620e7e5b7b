import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Build } from "./build.js";
import type { Connection } from "./load/connection.js";
import { openGrpcConnection } from "./load/grpc-connection.js";
import { openNatsConnection } from "./load/nats-connection.js";
import { openWebSocketConnection } from "./load/websocket-connection.js";
import { killServers, type ServerProcess, startServerProcess } from "./server-process.js";
import type { Usage } from "./servers/usage.js";

/** The servers that are compared. Chatter runs twice, with a log in memory and a durable one. */
export const serverNames = [
  "chatter-memory",
  "chatter-durable",
  "grpc-js",
  "connect-node",
  "ws",
  "fastify",
  "grpc-go",
  "connect-go",
  "nats",
] as const;
export type ServerName = (typeof serverNames)[number];

/** The servers that are written in Go: `--peers go`. */
export const goServers: readonly ServerName[] = ["grpc-go", "connect-go", "nats"];

/** The wire that a work uses to reach a server. NATS has one of its own. */
export type Wire = "grpc" | "ws";

/** A running server, as works see it. */
export interface Server {
  readonly name: ServerName;
  readonly port: number;
  /** Undefined for servers without tokens. */
  readonly token: string | undefined;
  /** The folder of Chatter's log; undefined for others. */
  readonly dataDir: string | undefined;
  connect(wire: Wire): Promise<Connection>;
  usage(): Promise<Usage>;
  /** Stops and starts it; its data on the disk stays. Resolves to the milliseconds of the start. */
  restart(): Promise<number>;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly build: Build;
  readonly profileTo?: string;
  /** The program that runs Chatter. Default: the one that runs the bench. */
  readonly node?: string;
  readonly verbose: boolean;
}

const dataDirs = new Set<string>();

/** Ends every server and removes its data, at once: for the end of the bench, however it comes. */
export function abandonServers(): void {
  killServers();
  for (const dir of dataDirs) {
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Starts a server: Chatter by its command line, as its users do, with all its features on. */
export async function startServer(name: ServerName, options: StartOptions): Promise<Server> {
  const isChatter = name === "chatter-memory" || name === "chatter-durable";
  const dataDir = isChatter ? await mkdtemp(join(tmpdir(), "chatter-bench-")) : undefined;
  if (dataDir) {
    dataDirs.add(dataDir);
  }
  let running: ServerProcess | undefined;
  let token: string | undefined;

  async function start(): Promise<ServerProcess> {
    const { build, verbose } = options;
    const nodeModule = {
      module: isChatter ? build.command : build.file(`bench/servers/${moduleOf[name]}.js`),
      node: isChatter ? options.node : undefined,
      args: dataDir ? chatterArguments(name, dataDir) : [],
      usageModule: build.file("bench/servers/usage.js"),
      profileTo: options.profileTo && join(options.profileTo, name),
    };
    const run = goServers.includes(name) ? { program: build.goProgram(name) } : nodeModule;
    const started = await startServerProcess({ run, verbose });
    running = started;
    if (isChatter) {
      token = await logIn(started.port);
    }
    return started;
  }
  async function stop(): Promise<void> {
    await running?.stop();
    if (dataDir) {
      await rm(dataDir, { recursive: true, force: true });
      dataDirs.delete(dataDir);
    }
  }

  let server: ServerProcess;
  try {
    server = await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name,
    dataDir,
    get port() {
      return server.port;
    },
    get token() {
      return token;
    },
    async connect(wire) {
      const address = { port: server.port, token };
      if (name === "nats") {
        return openNatsConnection(address);
      }
      return wire === "grpc" ? openGrpcConnection(address) : openWebSocketConnection(address);
    },
    usage: () => server.usage(),
    async restart() {
      await server.stop();
      server = await start();
      return server.startMs;
    },
    stop,
  };
}

const moduleOf: Readonly<Record<string, string>> = {
  "grpc-js": "grpc-js",
  "connect-node": "connect-node",
  ws: "ws-json",
  fastify: "fastify",
};

function chatterArguments(name: ServerName, dataDir: string): string[] {
  const engine = name === "chatter-memory" ? "memory" : "file";
  return [
    ...["serve", "--demo", "--port", "0", "--log", engine, "--data-dir", dataDir],
    ...["--token-lifetime", "86400", "--shutdown-grace", "1"],
  ];
}

/** A token of the demo's account. */
export async function logIn(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/chatter.v1.ChatterService/Login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user: "goa", password: "rocks" }),
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) {
    throw new Error(`login failed: ${response.status} ${await response.text()}`);
  }
  return ((await response.json()) as { token: string }).token;
}
