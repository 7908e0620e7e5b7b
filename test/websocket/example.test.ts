import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createClient } from "@connectrpc/connect";
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { Health, HealthCheckResponse_ServingStatus } from "../../src/gen/health/v1/health_pb.js";

const children: ChildProcess[] = [];

function start() {
  const child = spawn(process.execPath, ["--import", "tsx", "examples/tunnel.ts"], {
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  return child;
}

afterEach(() => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
  }
});

test("the example serves a service of someone's own, and ends when it is asked to", async () => {
  const child = start();
  const [line] = await once(child.stdout, "data");
  const baseUrl = String(line).trim();
  const transport = createWebSocketTransport({ baseUrl, webSocket: WebSocket });
  const { status } = await createClient(Health, transport).check({});
  expect(status).toBe(HealthCheckResponse_ServingStatus.SERVING);
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});
