import { Counter, Gauge, type Registry } from "prom-client";
import type { MessageLog } from "../log/message-log.js";
import { registerNatsMetrics } from "./nats-metrics.js";

/** What a server can be asked at a scrape. */
export interface ObservedServer {
  readonly log: Pick<MessageLog, "head" | "first" | "writeFault" | "status">;
  readonly isReady: () => boolean;
  /** For each subscriber, the sequence of the last message that it was given. */
  readonly subscribers: () => Iterable<number>;
  /** How many received bytes are not processed yet. Default: 0. */
  readonly unreadBytes?: () => number;
}

/** How many connections are open, by their protocol, of which there are few. */
export type Connections = () => Readonly<Record<string, number>>;

/** Bounds of the histogram of the number of messages behind. */
const lagSteps = [0, 100, 10_000, 1_000_000];

/** The state at the moment of a scrape: it costs nothing in between. */
export class ServerMetrics {
  readonly #refused: Counter;
  readonly #unresponsive: Counter;
  readonly #registry: Registry;
  #observed: ObservedServer | undefined;
  #connections: Connections = () => ({});
  #droppedLines = () => 0;

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    const read = (name: string, help: string, value: (observed: ObservedServer) => number) =>
      new Gauge({
        name,
        help,
        registers,
        collect: this.#collect((gauge, observed) => gauge.set(value(observed))),
      });
    read("chatter_ready", "1 if the server accepts calls, as /readyz says.", ({ isReady }) =>
      Number(isReady()),
    );
    read("chatter_log_writable", "1 if the log accepts messages.", ({ log }) =>
      Number(log.writeFault === undefined),
    );
    read("chatter_log_head", "Sequence of the newest message.", ({ log }) => log.head);
    read(
      "chatter_log_first",
      "Sequence of the oldest message that is kept.",
      ({ log }) => log.first,
    );
    read(
      "chatter_unread_bytes",
      "Bytes that were received and are not processed yet.",
      ({ unreadBytes }) => unreadBytes?.() ?? 0,
    );
    new Gauge({
      name: "chatter_subscribers",
      help: "Subscribers that follow the log.",
      registers,
      // One pass for the three of them: they are collected in the order of their creation.
      collect: this.#collect((gauge, { log, subscribers }) => {
        const counts = lagSteps.map(() => 0);
        let count = 0;
        let most = 0;
        for (const last of subscribers()) {
          const lag = Math.max(0, log.head - last);
          count++;
          most = Math.max(most, lag);
          for (const [i, step] of lagSteps.entries()) {
            counts[i] = counts[i]! + Number(lag > step);
          }
        }
        gauge.set(count);
        slowest.set(most);
        for (const [i, step] of lagSteps.entries()) {
          behind.set({ more_than: step }, counts[i]!);
        }
      }),
    });
    const slowest = new Gauge({
      name: "chatter_subscriber_lag_max",
      help: "How many messages the slowest subscriber is behind.",
      registers,
    });
    const behind = new Gauge({
      name: "chatter_subscribers_behind",
      help: "Subscribers that are more than this number of messages behind.",
      labelNames: ["more_than"],
      registers,
    });
    const connections = new Gauge({
      name: "chatter_open_connections",
      help: "Open connections.",
      labelNames: ["protocol"],
      registers,
      collect: () => {
        for (const [protocol, count] of Object.entries(this.#connections())) {
          connections.set({ protocol }, count);
        }
      },
    });
    this.#refused = new Counter({
      name: "chatter_refused_total",
      help: "Calls and connections that were refused by a limit.",
      labelNames: ["limit"],
      registers,
    });
    this.#unresponsive = new Counter({
      name: "chatter_silent_connections_total",
      help: "Connections that were closed because their peer answered no pings.",
      labelNames: ["protocol"],
      registers,
    });
    const dropped = new Counter({
      name: "chatter_server_log_dropped_lines_total",
      help: "Dropped lines of the server log, which could not be written.",
      registers,
      collect: () => {
        dropped.reset();
        dropped.inc(this.#droppedLines());
      },
    });
    this.#unresponsive.inc({ protocol: "http2" }, 0);
    this.#unresponsive.inc({ protocol: "websocket" }, 0);
  }

  observeServer(observed: ObservedServer): void {
    // Before the first server is observed, it is unknown whether it is one on NATS.
    if (this.#observed?.log.status === undefined && observed.log.status !== undefined) {
      registerNatsMetrics(this.#registry, () => this.#observed!.log.status!);
    }
    this.#observed = observed;
  }

  observeConnections(connections: Connections): void {
    this.#connections = connections;
  }

  observeServerLog(dropped: () => number): void {
    this.#droppedLines = dropped;
  }

  recordUnresponsive(protocol: string): void {
    this.#unresponsive.inc({ protocol });
  }

  refused(limit: string): void {
    this.#refused.inc({ limit });
  }

  #collect(set: (gauge: Gauge, observed: ObservedServer) => void): (this: Gauge) => void {
    const observed = () => this.#observed;
    return function () {
      const server = observed();
      if (server) {
        set(this, server);
      }
    };
  }
}
