/*
 * Draws the charts of docs/benchmarks.md from a file of results:
 *
 *   npx tsx bench/chart.ts bench/results/2026-01-31.json
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./build.js";
import { pairs } from "./pairs.js";
import type { Report, Row } from "./report.js";
import { circle, line, polyline, rect, svg, text } from "./svg.js";
import { messageCounts, subscriberCounts } from "./works/growth.js";

/** Besides the pairs with a target: Chatter is not cheaper everywhere. */
const alsoShown = [
  { work: "ingest-1", peer: "ws" },
  { work: "ingest-16", peer: "grpc-js" },
  { work: "echo-pingpong", peer: "grpc-js" },
];

const colours = { memory: "#1f6feb", durable: "#0a3069", peer: "#9a6700", quiet: "#8c959f" };

const report = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as Report;
writeFileSync(join(root, "docs", "benchmarks-ratios.svg"), ratiosChart());
if (report.rows.some(({ work }) => work.startsWith("growth-"))) {
  writeFileSync(join(root, "docs", "benchmarks-growth.svg"), growthChart());
}

/**
 * One bar for each pair, on a logarithmic scale, starting at 1: to the right of it, Chatter is
 * cheaper.
 */
function ratiosChart(): string {
  const shown = [...pairs, ...alsoShown]
    .flatMap(({ work, peer }) =>
      (["memory", "durable"] as const).map((log) => ({ work, peer, log })),
    )
    .filter(
      (a, i, all) =>
        all.findIndex((b) => a.work === b.work && a.peer === b.peer && a.log === b.log) === i,
    )
    .flatMap(({ work, peer, log }) =>
      report.ratios.filter((r) => r.work === work && r.peer === peer && r.log === log),
    );
  const [labels, width, rowHeight] = [310, 420, 20];
  const ticks = [0.1, 0.3, 1, 3, 10, 30, 100, 300];
  const x = (ratio: number) =>
    labels + (Math.log(ratio / ticks[0]!) / Math.log(ticks.at(-1)! / ticks[0]!)) * width;
  const height = shown.length * rowHeight + 60;
  const parts = [
    text(12, 22, "The peer's cost divided by Chatter's: right of 1, Chatter is cheaper", {
      bold: true,
    }),
    ...ticks.flatMap((tick) => [
      line(x(tick), 34, x(tick), height - 22, tick === 1 ? "#24292f" : "#d0d7de"),
      text(x(tick), height - 8, String(tick), { anchor: "middle" }),
    ]),
    ...shown.flatMap(({ work, peer, log, ratio }, i) => {
      const y = 40 + i * rowHeight;
      const [from, to] = [Math.min(x(1), x(ratio)), Math.max(x(1), x(ratio))];
      return [
        text(labels - 8, y + 12, `${work} · ${peer} · ${log}`, { anchor: "end" }),
        rect(from, y + 2, Math.max(to - from, 1), rowHeight - 6, colours[log]),
        text(to + 5, y + 12, String(ratio)),
      ];
    }),
  ];
  return svg(labels + width + 70, height, "The peer's cost divided by Chatter's", parts);
}

interface Series {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number | undefined])[];
}

/**
 * The cost of a delivery by number of subscribers, and the cost of a log of 1,000 messages beside
 * larger ones.
 */
function growthChart(): string {
  const fanOut = (server: Row["server"]) =>
    subscriberCounts.map((n) => [n, rowOf(`growth-fanout-${n}`, server)?.cost] as const);
  const logOf = (pick: (row: Row) => number | undefined) => {
    const values = messageCounts.map((n) => {
      const row = rowOf(`growth-log-${n}`, "chatter");
      return [n, row && pick(row)] as const;
    });
    const first = values[0]![1];
    return values.map(([n, value]) => [n, value && first && value / first] as const);
  };
  const left = panel(0, "CPU µs a delivery, by subscribers", [
    { name: "chatter (memory)", colour: colours.memory, points: fanOut("chatter") },
    { name: "grpc-js", colour: colours.peer, points: fanOut("grpc-js") },
  ]);
  const right = panel(430, "By messages in the log; at 1,000 it is 1", [
    { name: "time to start", colour: colours.memory, points: logOf((row) => row.startMs) },
    { name: "memory at the start", colour: colours.durable, points: logOf((row) => row.rssMiB) },
    { name: "replay, CPU a message", colour: colours.peer, points: logOf((row) => row.cost) },
    { name: "append, p99", colour: colours.quiet, points: logOf((row) => row.p99) },
  ]);
  return svg(860, 312, "Cost by subscribers, and by messages in the log", [...left, ...right]);
}

function panel(offset: number, title: string, series: readonly Series[]): string[] {
  const [x0, y0, width, height] = [offset + 50, 50, 340, 200];
  const xs = series[0]!.points.map(([x]) => x);
  const highest = Math.max(...series.flatMap(({ points }) => points.map(([, y]) => y ?? 0))) * 1.1;
  const x = (value: number) =>
    x0 + (Math.log(value / xs[0]!) / Math.log(xs.at(-1)! / xs[0]!)) * width;
  const y = (value: number) => y0 + height - (value / highest) * height;
  const ticks = [0, 1, 2, 3, 4].map((i) => (highest * i) / 4);
  return [
    text(offset + 12, 22, title, { bold: true }),
    ...ticks.flatMap((tick) => [
      line(x0, y(tick), x0 + width, y(tick), "#d0d7de"),
      text(x0 - 6, y(tick) + 4, tick.toPrecision(2), { anchor: "end" }),
    ]),
    ...xs.map((value) =>
      text(x(value), y0 + height + 18, value.toLocaleString("en"), { anchor: "middle" }),
    ),
    ...series.flatMap(({ name, colour, points }, i) => {
      const drawn = points.flatMap(([a, b]) => (b === undefined ? [] : [[x(a), y(b)] as const]));
      const legendX = x0 + 6 + (i % 2) * 170;
      const legendY = y0 + height + 36 + Math.floor(i / 2) * 15 - 1;
      return [
        polyline(drawn, colour),
        ...drawn.map(([a, b]) => circle(a, b, 3, colour)),
        rect(legendX, legendY - 8, 10, 8, colour),
        text(legendX + 15, legendY, name),
      ];
    }),
  ];
}

function rowOf(work: string, server: Row["server"]): Row | undefined {
  return report.rows.find((row) => row.work === work && row.server === server);
}
