import { cpus } from "node:os";
import { type Pair, pairs } from "./pairs.js";
import type { Result } from "./rounds.js";
import type { ServerName } from "./servers.js";

/** The results as they are written: `--json FILE`. */
export interface Report {
  readonly machine: string;
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly rows: readonly Row[];
  readonly ratios: readonly Ratio[];
}

/** A work on a server: medians of its rounds, or why there are none. */
export interface Row {
  readonly work: string;
  readonly server: "chatter" | Exclude<ServerName, `chatter-${string}`>;
  /** Chatter's. */
  readonly log?: "memory" | "durable";
  readonly unit: string;
  readonly cost?: number;
  /** The cost of each round. */
  readonly rounds?: readonly number[];
  readonly messagesPerSecond?: number;
  /** Milliseconds. */
  readonly p50?: number;
  readonly p99?: number;
  /** Resident memory of the server after a round; if there is a `startMs`, then. */
  readonly rssMiB?: number;
  /** How long the server took to start, in milliseconds. */
  readonly startMs?: number;
  readonly failed?: string;
}

/** The peer's cost divided by Chatter's: above 1, Chatter is cheaper. */
export interface Ratio {
  readonly work: string;
  readonly peer: string;
  readonly log: "memory" | "durable";
  readonly ratio: number;
}

/** Puts the report of a run together. */
export function makeReport(results: readonly Result[]): Report {
  const rows = results.map(rowOf);
  const ratios = rows.flatMap((own) =>
    own.server !== "chatter" || own.cost === undefined
      ? []
      : rows
          .filter((peer) => peer.work === own.work && peer.server !== "chatter" && peer.cost)
          .map((peer) => ({
            work: own.work,
            peer: peer.server,
            log: own.log!,
            ratio: rounded(peer.cost! / own.cost!),
          })),
  );
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  return {
    machine: `${cpus().length} × ${model}, Node ${process.versions.node}, ${process.platform}`,
    date: new Date().toISOString(),
    rows,
    ratios,
  };
}

function rowOf({ work, unit, server, samples, failed }: Result): Row {
  const log = /^chatter-(memory|durable)$/.exec(server)?.[1] as Row["log"];
  const head = { work, server: log ? "chatter" : (server as Row["server"]), log, unit };
  if (failed !== undefined || samples.length === 0) {
    return { ...head, failed: failed ?? "no round was run" };
  }
  const medianOf = (pick: (sample: (typeof samples)[number]) => number | undefined) =>
    median(samples.map(pick));
  return {
    ...head,
    cost: medianOf(({ cost }) => cost),
    rounds: samples.map(({ cost }) => rounded(cost)),
    messagesPerSecond: medianOf(({ perSecond }) => perSecond),
    p50: medianOf(({ p50 }) => p50),
    p99: medianOf(({ p99 }) => p99),
    startMs: medianOf(({ startMs }) => startMs),
    rssMiB: medianOf(({ rssMiB }) => rssMiB),
  };
}

function median(values: readonly (number | undefined)[]): number | undefined {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  if (sorted.length === 0) {
    return undefined;
  }
  const middle = (sorted.length - 1) / 2;
  return rounded((sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2);
}

/** Four digits: further ones are noise. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** The rows as a table for people. */
export function rowsTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.work,
    row.log ? `${row.server} (${row.log})` : row.server,
    row.failed === undefined ? `${row.cost} ${row.unit}` : `FAILED: ${row.failed}`,
    row.messagesPerSecond ? `${Math.round(row.messagesPerSecond).toLocaleString("en")}/s` : "",
    row.p99 === undefined ? "" : `p50 ${row.p50} ms, p99 ${row.p99} ms`,
    row.rssMiB === undefined ? "" : `${row.rssMiB} MiB`,
    row.startMs === undefined ? "" : `start ${row.startMs} ms`,
  ]);
  return table(cells);
}

/** The ratios beside their targets. */
export function ratiosTable(ratios: readonly Ratio[]): string {
  return table(
    ratios.map(({ work, peer, log, ratio }) => {
      const pair = pairs.find((p) => p.work === work && p.peer === peer && p.log === log);
      return [work, `${peer} / chatter (${log})`, String(ratio), verdict(ratio, pair)];
    }),
  );
}

function verdict(ratio: number, pair: Pair | undefined): string {
  if (pair?.least === undefined || pair.aim === undefined) {
    return "";
  }
  const reached = ratio >= pair.aim ? "aim reached" : ratio >= pair.least ? "reached" : "MISSED";
  return `at least ${pair.least}, aim ${pair.aim}: ${reached}`;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
