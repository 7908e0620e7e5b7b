import { expect, test } from "vitest";
import { serversOfPairs } from "../../bench/pairs.js";
import { makeReport } from "../../bench/report.js";
import type { ServerName } from "../../bench/servers.js";

function result(server: ServerName, costs: readonly number[], failed?: string) {
  const samples = costs.map((cost) => ({ cost, rssMiB: 50 }));
  return { work: "replay", unit: "CPU µs a message", server, samples, failed };
}

test("a ratio is the peer's median divided by Chatter's, for each log", () => {
  const report = makeReport([
    result("chatter-memory", [3, 1, 2]),
    result("chatter-durable", [4, 4, 100]),
    result("grpc-js", [80, 10, 8]),
    result("ws", [1], "it broke"),
  ]);
  expect(Object.keys(report)).toEqual(["machine", "date", "rows", "ratios"]);
  expect(report.ratios).toEqual([
    { work: "replay", peer: "grpc-js", log: "memory", ratio: 5 },
    { work: "replay", peer: "grpc-js", log: "durable", ratio: 2.5 },
  ]);
  expect(report.rows).toMatchObject([
    { server: "chatter", log: "memory", cost: 2, rounds: [3, 1, 2], rssMiB: 50 },
    { server: "chatter", log: "durable", cost: 4 },
    { server: "grpc-js", cost: 10 },
    { server: "ws", failed: "it broke" },
  ]);
});

test("--quick runs the servers of its pairs, and no others", () => {
  expect(serversOfPairs("ingest-1")).toEqual(["chatter-memory", "grpc-js", "chatter-durable"]);
  expect(serversOfPairs("ws-fanout-1000-w8")).toEqual(["chatter-memory", "ws"]);
  expect(serversOfPairs("ingest-16")).toEqual([]);
});
