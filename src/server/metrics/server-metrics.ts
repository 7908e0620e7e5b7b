import { Counter, Gauge, type Registry } from "prom-client";
import type { MessageLog } from "../log/message-log.js";

/** What a server can be asked when somebody wants its metrics. */
export interface Watched {
  readonly log: Pick<MessageLog, "head" | "first" | "writeFault">;
  readonly isReady: () => boolean;
  /** For each subscriber the sequence of the last message that it was handed. */
  readonly subscribers: () => Iterable<number>;
}

/** How many connections are open, by their protocol, of which there are few. */
export type Connections = () => Readonly<Record<string, number>>;

/** How many messages behind is told apart. */
const lagSteps = [0, 100, 10_000, 1_000_000];

/** What stands at the moment of a scrape: nothing of it costs anything in between. */
export class ServerMetrics {
  readonly #refused: Counter;
  readonly #silent: Counter;
  #watched: Watched | undefined;
  #connections: Connections = () => ({});

  constructor(registry: Registry) {
    const registers = [registry];
    const read = (name: string, help: string, value: (watched: Watched) => number) =>
      new Gauge({
        name,
        help,
        registers,
        collect: this.#collect((gauge, watched) => gauge.set(value(watched))),
      });
    read("chatter_ready", "1 if calls are welcome, as /readyz says.", ({ isReady }) =>
      Number(isReady()),
    );
    read("chatter_log_writable", "1 if the log takes messages.", ({ log }) =>
      Number(log.writeFault === undefined),
    );
    read("chatter_log_head", "Sequence of the newest message.", ({ log }) => log.head);
    read(
      "chatter_log_first",
      "Sequence of the oldest message that is kept.",
      ({ log }) => log.first,
    );
    new Gauge({
      name: "chatter_subscribers",
      help: "Subscribers that follow the log.",
      registers,
      // One walk for the three of them: they are collected in the order of their making.
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
      help: "Subscribers that are more than so many messages behind.",
      labelNames: ["more_than"],
      registers,
    });
    const connections = new Gauge({
      name: "chatter_open_connections",
      help: "Connections that are open.",
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
    this.#silent = new Counter({
      name: "chatter_silent_connections_total",
      help: "Connections that were cut because their peer answered no pings.",
      labelNames: ["protocol"],
      registers,
    });
    this.#silent.inc({ protocol: "http2" }, 0);
    this.#silent.inc({ protocol: "websocket" }, 0);
  }

  watch(watched: Watched): void {
    this.#watched = watched;
  }

  watchConnections(connections: Connections): void {
    this.#connections = connections;
  }

  silent(protocol: string): void {
    this.#silent.inc({ protocol });
  }

  refused(limit: string): void {
    this.#refused.inc({ limit });
  }

  #collect(set: (gauge: Gauge, watched: Watched) => void): (this: Gauge) => void {
    const watched = () => this.#watched;
    return function () {
      const server = watched();
      if (server) {
        set(this, server);
      }
    };
  }
}
