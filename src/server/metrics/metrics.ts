import type { DescMethod } from "@bufbuild/protobuf";
import { Registry } from "prom-client";
import type { LogObserver } from "../log/log-observer.js";
import type { CallObserver } from "../service/call.js";
import type { Way } from "../service/encoded-stream.js";
import { CallMetrics } from "./call-metrics.js";
import { LogMetrics } from "./log-metrics.js";
import { registerProcessMetrics } from "./process-metrics.js";
import { type Connections, ServerMetrics, type Watched } from "./server-metrics.js";

export interface MetricsOptions {
  /**
   * Where the metrics are registered, beside others of the program. Default: a registry of
   * their own, which has those of the process and its event loop too.
   */
  readonly registry?: Registry;
}

/** The metrics of one server, for its log and for `createChatter`. */
export interface Metrics {
  /** prom-client's: `await registry.metrics()` is what Prometheus reads. */
  readonly registry: Registry;
  /** To be given to the log: `openLevelLog({ dir, observer: metrics.log })`. */
  readonly log: LogObserver;
  /** The rest is for `createChatter`. */
  readonly calls: CallObserver;
  /** Has series of a method before its first call. */
  know(method: DescMethod): void;
  /** The messages of a stream take this way. */
  took(way: Way): void;
  /** Something was refused by this limit, one of few. */
  refused(limit: string): void;
  /** A connection was cut because its peer answers no pings. */
  silent(protocol: "http2" | "websocket"): void;
  /** Asks this server from now on. */
  watch(server: Watched): void;
  /** Asks for the number of open connections, by their protocol, from now on. */
  watchConnections(connections: Connections): void;
}

/**
 * Makes the metrics of a server.
 *
 * @example
 * const metrics = createMetrics();
 * const log = await openLevelLog({ dir: "./data", observer: metrics.log });
 * const chatter = createChatter({ log, auth, metrics }); // GET /metrics
 */
export function createMetrics({ registry = ownRegistry() }: MetricsOptions = {}): Metrics {
  const calls = new CallMetrics(registry);
  const server = new ServerMetrics(registry);
  return {
    registry,
    log: new LogMetrics(registry),
    calls,
    know: (method) => calls.know(method),
    took: (way) => calls.took(way),
    refused: (limit) => server.refused(limit),
    silent: (protocol) => server.silent(protocol),
    watch: (watched) => server.watch(watched),
    watchConnections: (connections) => server.watchConnections(connections),
  };
}

function ownRegistry(): Registry {
  const registry = new Registry();
  registerProcessMetrics(registry);
  return registry;
}
