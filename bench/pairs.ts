import type { ServerName } from "./servers.js";

/** What Chatter should reach against a peer: the peer's cost divided by its own. */
export interface Pair {
  readonly work: string;
  readonly peer: ServerName;
  readonly log: "memory" | "durable";
  /** Undefined: it is only reported. */
  readonly least?: number;
  readonly aim?: number;
}

/** The pairs that count; `--quick` runs only these. */
export const pairs: readonly Pair[] = [
  { work: "replay", peer: "grpc-js", log: "memory", least: 30, aim: 60 },
  { work: "replay", peer: "grpc-js", log: "durable", least: 15, aim: 30 },
  { work: "replay", peer: "ws", log: "memory", least: 20, aim: 40 },
  { work: "fanout-1000-w8", peer: "grpc-js", log: "memory", least: 3.5, aim: 5 },
  { work: "fanout-1000-w1", peer: "grpc-js", log: "memory", least: 1, aim: 1.2 },
  { work: "fanout-10x100-w8", peer: "grpc-js", log: "memory", least: 4, aim: 6 },
  { work: "ws-fanout-1000-w8", peer: "ws", log: "memory", least: 3, aim: 4 },
  { work: "ws-fanout-1000-w1", peer: "ws", log: "memory", least: 0.9, aim: 1.1 },
  { work: "ingest-1", peer: "grpc-js", log: "memory", least: 1.4, aim: 1.8 },
  { work: "ingest-1", peer: "grpc-js", log: "durable", least: 1, aim: 1.4 },
  { work: "echo-pipelined", peer: "grpc-js", log: "memory", least: 3, aim: 7 },
  { work: "echo-pipelined", peer: "grpc-js", log: "durable", least: 1.5, aim: 3 },
  { work: "idle-rss", peer: "grpc-js", log: "memory", least: 0.9, aim: 1.3 },
  { work: "unary", peer: "connect-node", log: "memory", least: 3.5, aim: 6 },
  { work: "unary", peer: "grpc-js", log: "memory", least: 0.55, aim: 0.9 },
  { work: "unary-http1-json", peer: "fastify", log: "memory", least: 0.4, aim: 0.7 },
  { work: "post-unary", peer: "grpc-js", log: "memory", least: 0.5, aim: 0.8 },
  { work: "fanout-latency", peer: "grpc-js", log: "memory", least: 1, aim: 1.3 },
];

/** The servers that the pairs of a work need. */
export function serversOfPairs(work: string): ServerName[] {
  const names = pairs
    .filter((pair) => pair.work === work)
    .flatMap(({ log, peer }): ServerName[] => [`chatter-${log}`, peer]);
  return [...new Set(names)];
}
