import { stat } from "node:fs/promises";
import { collectDefaultMetrics, Gauge, type Registry } from "prom-client";

/**
 * The metrics of prom-client that block the event loop for milliseconds for each thousand sockets.
 * `nodejs_active_resources` has most of their information.
 */
const costly = [
  "process_open_fds",
  "nodejs_active_handles",
  "nodejs_active_handles_total",
  "nodejs_active_requests",
  "nodejs_active_requests_total",
];

/** Linux lists a process's open files here, and since 6.2 the size says how many there are. */
const openFiles = "/proc/self/fd";

/** Registers metrics of the process, its memory and its event loop. */
export function registerProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const name of costly) {
    registry.removeSingleMetric(name);
  }
  new Gauge({
    name: "process_open_fds",
    help: "Open files and sockets; 0 where counting them is expensive.",
    registers: [registry],
    async collect() {
      this.set(
        await stat(openFiles).then(
          ({ size }) => size,
          () => 0,
        ),
      );
    },
  });
}
