import type { Server, ServerName } from "./servers.js";

/** The result of a round of a work. */
export interface Sample {
  /** In the work's unit. */
  readonly cost: number;
  /** Messages a second; in a fan-out each delivery is one. */
  readonly perSecond?: number;
  /** Milliseconds. */
  readonly p50?: number;
  readonly p99?: number;
  /** From the start of the server's process until it listens, in milliseconds. */
  readonly startMs?: number;
  /** Resident memory of the server after the round; if there is a `startMs`, then. */
  readonly rssMiB?: number;
}

/** A work on one server. */
export interface Session {
  /** Does the work once. Rejects if anything was wrong. */
  round(): Promise<Sample>;
  /** Closes its connections. */
  end(): void;
}

/** One kind of work, done by several servers. */
export interface Work {
  readonly name: string;
  /** What `cost` counts. */
  readonly unit:
    | "CPU µs a message"
    | "CPU µs a subscriber"
    | "CPU µs a subscriber and second"
    | "KiB a subscriber"
    | "ms p99";
  readonly servers: readonly ServerName[];
  /** Whether each round needs fresh servers. Default: no. */
  readonly fresh?: boolean;
  prepare(server: Server, sizes: Sizes): Promise<Session>;
}

/** How much is done. */
export interface Sizes {
  readonly quick: boolean;
}

/** The resources of a server that something used. */
export interface Measured {
  readonly cpuMicros: number;
  readonly seconds: number;
  /** When it was done. */
  readonly rssMiB: number;
}

/** Runs something and measures what it used. */
export async function measure(server: Server, run: () => Promise<void>): Promise<Measured> {
  const before = await server.usage();
  const start = performance.now();
  await run();
  const seconds = (performance.now() - start) / 1000;
  const after = await server.usage();
  return {
    cpuMicros: after.cpuMicros - before.cpuMicros,
    seconds,
    rssMiB: after.rss / 2 ** 20,
  };
}

/** The sample of this many messages. */
export function perMessage(messages: number, found: Measured): Sample {
  const { cpuMicros, seconds, rssMiB } = found;
  return { cost: cpuMicros / messages, perSecond: messages / seconds, rssMiB };
}

/** The p50 and p99 of latencies; sorts them. */
export function percentiles(latencies: Float64Array): { p50: number; p99: number } {
  latencies.sort();
  const at = (part: number) => latencies[Math.floor(part * (latencies.length - 1))]!;
  return { p50: at(0.5), p99: at(0.99) };
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
