import { expect, onTestFinished, test } from "vitest";
import { createMetrics } from "../../src/server/metrics/metrics.js";
import { listenForMetrics } from "../../src/server/metrics/metrics-server.js";
import { startChatter } from "../support/chatter-server.js";
import { runServe } from "../support/run-serve.js";
import { startServe } from "../support/serve.js";
import { until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";

test("metrics on the port of the calls are for the same machine, and not through a proxy", async () => {
  const { url } = await startChatter({ metrics: createMetrics() });
  const statusOf = async (headers: Record<string, string>) =>
    (await fetch(`${url}/metrics`, { headers })).status;
  expect(await statusOf({})).toBe(200);
  expect(await statusOf({ "x-forwarded-for": "127.0.0.1" })).toBe(403);
  expect(await statusOf({ forwarded: "for=192.0.2.1" })).toBe(403);
  expect(await statusOf({ via: "1.1 proxy" })).toBe(403);
  expect(await statusOf({ "x-real-ip": "192.0.2.1" })).toBe(403);
  const refusal = await fetch(`${url}/metrics`, { headers: { via: "1.1 proxy" } });
  expect(await refusal.text()).toContain("--metrics-address");
});

test("metrics answer to HEAD, and to nothing but GET and HEAD", async () => {
  const { url } = await startChatter({ metrics: createMetrics() });
  const head = await fetch(`${url}/metrics`, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
  expect((await fetch(`${url}/metrics`, { method: "POST" })).status).toBe(405);
});

test("without metrics there is no such page", async () => {
  const { url } = await startChatter();
  expect((await fetch(`${url}/metrics`)).status).toBe(404);
});

test("--metrics-address serves them there, and no longer on the port of the calls", async () => {
  const folder = tempDir();
  const server = await startServe([
    ...["--demo", "--log", "memory", "--data-dir", folder, "--metrics-address", "127.0.0.1:0"],
  ]);
  await until(() => server.errors().includes("metrics are served"), "the line");
  const { url } = JSON.parse(server.errors().split("\n")[0]!);
  expect((await fetch(`${server.url}/metrics`)).status).toBe(404);
  const headers = { "x-forwarded-for": "192.0.2.1" };
  const text = await (await fetch(url, { headers })).text();
  expect(text).toContain("chatter_ready 1");
  expect(text).toMatch(/chatter_open_connections\{protocol="http1"\} \d/);
  expect((await fetch(new URL("/", url))).status).toBe(404);
  expect((await fetch(url, { method: "POST" })).status).toBe(404);
  expect((await fetch(new URL("/livez", url))).status).toBe(200);
  expect((await fetch(new URL("/readyz", url))).status).toBe(200);
  expect(await server.stop()).toEqual({ code: 0, signal: null });
});

test("the metrics' address answers probes, which no call of a client can hold up there", async () => {
  let isReady = false;
  const { url, close } = await listenForMetrics(
    createMetrics(),
    { host: "127.0.0.1", port: 0 },
    { isReady: () => isReady },
  );
  onTestFinished(close);
  const statusOf = async (path: string, method = "GET") =>
    (await fetch(new URL(path, url), { method })).status;
  expect(await statusOf("/livez")).toBe(200);
  expect(await statusOf("/readyz")).toBe(503);
  isReady = true;
  expect(await statusOf("/readyz?verbose")).toBe(200);
  expect(await statusOf("/readyz", "HEAD")).toBe(200);
  expect(await statusOf("/readyz", "POST")).toBe(404);
});

test.each(["9090", "localhost", "127.0.0.1:70000", "::1:9090", ":9090"])(
  "--metrics-address %s refuses the start",
  async (address) => {
    const { errors, status } = await runServe(["--demo", "--metrics-address", address]);
    expect(errors).toMatch(
      /--metrics-address \(CHATTER_METRICS_ADDRESS\) is ".*": it must be host:port/,
    );
    expect(status).toBe(2);
  },
);
