import type { DescMethod } from "@bufbuild/protobuf";
import { Registry } from "prom-client";
import type { LogObserver } from "../log/observer.js";
import type { CallObserver } from "../service/call/call.js";
import type { MessagePath } from "../service/passthrough/stream.js";
import { CallMetrics } from "./call-metrics.js";
import { LogMetrics } from "./log-metrics.js";
import { registerProcessMetrics } from "./process-metrics.js";
import { type Connections, type ObservedServer, ServerMetrics } from "./server-metrics.js";

export interface MetricsOptions {
  /**
   * Where the metrics are registered, beside others of the program. Default: a registry of their
   * own, which also has those of the process and its event loop.
   */
  readonly registry?: Registry;
}

/** The metrics of one server, for its log and for `createChatter`. */
export interface Metrics {
  /** prom-client's: `await registry.metrics()` is what Prometheus reads. */
  readonly registry: Registry;
  /** For the log: `openFileLog({ dir, observer: metrics.log })`. */
  readonly log: LogObserver;
  /** The rest is used by `createChatter`. */
  readonly calls: CallObserver;
  /** Creates the series of a method before its first call. */
  registerMethod(method: DescMethod): void;
  /** The messages of a stream take this path. */
  recordPath(path: MessagePath): void;
  /** This limit has refused something; there are few limits. */
  refused(limit: string): void;
  /** A connection was cut because its peer does not answer pings. */
  recordUnresponsive(protocol: "http2" | "websocket"): void;
  /** Observes this server from now on. */
  observeServer(server: ObservedServer): void;
  /** Observes the number of open connections, by their protocol, from now on. */
  observeConnections(connections: Connections): void;
  /** Observes how many lines of the server log were dropped, from now on. */
  observeServerLog(dropped: () => number): void;
}

/**
 * Makes the metrics of a server.
 *
 * @example
 * ```ts
 * const metrics = createMetrics();
 * const log = await openFileLog({ dir: "./data", observer: metrics.log });
 * const chatter = createChatter({ log, auth, metrics }); // GET /metrics
 * console.log(await metrics.registry.metrics());
 *
 * await chatter.stop();
 * await log.close();
 * ```
 */
export function createMetrics({ registry = ownRegistry() }: MetricsOptions = {}): Metrics {
  const calls = new CallMetrics(registry);
  const server = new ServerMetrics(registry);
  return {
    registry,
    log: new LogMetrics(registry),
    calls,
    registerMethod: (method) => calls.registerMethod(method),
    recordPath: (path) => calls.recordPath(path),
    refused: (limit) => server.refused(limit),
    recordUnresponsive: (protocol) => server.recordUnresponsive(protocol),
    observeServer: (observed) => server.observeServer(observed),
    observeConnections: (connections) => server.observeConnections(connections),
    observeServerLog: (dropped) => server.observeServerLog(dropped),
  };
}

function ownRegistry(): Registry {
  const registry = new Registry();
  registerProcessMetrics(registry);
  return registry;
}
