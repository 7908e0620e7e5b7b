import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Build } from "../build.js";
import type { Connection } from "../load/connection.js";
import { openGrpcConnection } from "../load/grpc-connection.js";
import { type ServerProcess, startServerProcess } from "../server-process.js";
import { logIn } from "../servers.js";
import { type NatsNodes, startNodes } from "./nats-nodes.js";

/** What is measured: servers, and where their log is. */
export interface Shape {
  readonly servers: number;
  /** NATS nodes; 0: the embedded log, of one server. */
  readonly nodes: number;
}

/** CPU time so far, in microseconds. */
export interface Cpu {
  /** Of all Chatter servers. */
  readonly chatter: number;
  /** Of all NATS nodes. */
  readonly nats: number;
  /** Of the bench itself, which is the client. */
  readonly client: number;
}

/** Chatter servers on one log, running. */
export interface Deployment {
  readonly shape: Shape;
  /** A new connection to the server of that place. */
  connect(server: number): Promise<Connection>;
  cpu(): Promise<Cpu>;
  stop(): Promise<void>;
}

/** Starts NATS and the servers. `profileTo` is a folder for CPU profiles of the servers. */
export async function startDeployment(
  shape: Shape,
  build: Build,
  profileTo?: string,
): Promise<Deployment> {
  const dataDir = await mkdtemp(join(tmpdir(), "chatter-bench-"));
  const servers: ServerProcess[] = [];
  let nodes: NatsNodes | undefined;
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await nodes?.stop();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    nodes = shape.nodes > 0 ? await startNodes(shape.nodes) : undefined;
    for (let i = 0; i < shape.servers; i++) {
      // They share the folder for the demo's key, which is all that is in it on NATS.
      servers.push(
        await startServerProcess({
          run: {
            module: build.command,
            args: [
              ...["serve", "--demo", "--port", "0", "--data-dir", dataDir],
              ...["--log", nodes?.url ?? "file", "--nats-timeout", "60", "--shutdown-grace", "1"],
            ],
            usageModule: build.file("bench/servers/usage.js"),
            profileTo,
          },
          verbose: false,
        }),
      );
    }
    const token = await logIn(servers[0]!.port);
    return {
      shape,
      connect: (server) => openGrpcConnection({ port: servers[server]!.port, token }),
      async cpu() {
        const usages = await Promise.all(servers.map((server) => server.usage()));
        const { user, system } = process.cpuUsage();
        return {
          chatter: usages.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0),
          nats: nodes?.cpuMicros() ?? 0,
          client: user + system,
        };
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
