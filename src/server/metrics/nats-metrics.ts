import { Counter, Gauge, type Registry } from "prom-client";
import type { LogStatus } from "../log/message-log.js";

/** Registers the state of NATS, as it is at each scrape. */
export function registerNatsMetrics(registry: Registry, status: () => LogStatus): void {
  const registers = [registry];
  const gauge = (
    name: string,
    help: string,
    labelNames: string[],
    set: (gauge: Gauge, status: LogStatus) => void,
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        set(this, status());
      },
    });
  gauge(
    "chatter_nats_connected",
    "1 if this server is connected to the NATS server.",
    ["node"],
    (gauge, { node, isConnected }) => gauge.set({ node }, Number(isConnected)),
  );
  gauge(
    "chatter_nats_leader",
    "1 for the node that leads the stream.",
    ["node"],
    (gauge, { leader }) => {
      if (leader !== undefined) {
        gauge.set({ node: leader }, 1);
      }
    },
  );
  gauge(
    "chatter_nats_replicas",
    "Nodes that should have the stream, and those that are up to date.",
    ["state"],
    (gauge, { replicas }) => {
      gauge.set({ state: "all" }, replicas.all);
      gauge.set({ state: "in_step" }, replicas.inStep);
    },
  );
  gauge(
    "chatter_nats_unacknowledged",
    "Messages that were sent and are not acknowledged yet.",
    [],
    (gauge, { unanswered }) => gauge.set(unanswered),
  );
  gauge(
    "chatter_nats_not_ready",
    "1 for the reason why no messages are accepted; absent if they are.",
    ["reason"],
    (gauge, { faultReason }) => {
      if (faultReason !== undefined) {
        gauge.set({ reason: faultReason }, 1);
      }
    },
  );
  new Counter({
    name: "chatter_nats_reconnects_total",
    help: "How often the connection to NATS was restored.",
    registers,
    collect() {
      this.reset();
      this.inc(status().reconnects);
    },
  });
}
