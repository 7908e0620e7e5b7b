import { createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.js";
import { runServe } from "../support/run-serve.js";
import { startServe } from "../support/serve.js";
import { collect, errorOf } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { mainWires, transportOf, withToken } from "../support/wires.js";
import { openGoa } from "../websocket/goa/client.js";

/** The real server, which exports to a receiver. */
async function start(receiver: OtlpReceiver, environment: NodeJS.ProcessEnv = {}) {
  const folder = tempDir();
  const server = await startServe(
    ["--demo", "--log", "memory", "--data-dir", folder, "--shutdown-grace", "3"],
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      ...environment,
    },
  );
  const login = createClient(ChatterService, transportOf(mainWires[0]!, server.url));
  const { token } = await login.login({ user: "goa", password: "rocks" });
  return { server, token };
}

const traceIdOf = (i: number) => `${i}`.padStart(32, "a");
const parentId = "00f067aa0ba902b7";
const contextOf = (i: number) => ({ traceparent: `00-${traceIdOf(i)}-${parentId}-01` });

describe("a server with OTEL_… variables", () => {
  test("continues the trace of a client with one span a call, whichever way it came", async () => {
    const receiver = await startOtlpReceiver();
    const { server, token } = await start(receiver);
    const tunnel = createWebSocketTransport({ baseUrl: server.url, webSocket: WebSocket });
    const clients = [
      ...mainWires.map((wire) => ({
        protocol: wire.protocol as string,
        client: createClient(ChatterService, transportOf(wire, server.url, [withToken(token)])),
      })),
      { protocol: "websocket-tunnel", client: createClient(ChatterService, tunnel) },
    ];
    const authorization = `Bearer ${token}`;
    for (const [i, { client }] of clients.entries()) {
      await collect(client.history({}, { headers: { authorization, ...contextOf(i) } }));
    }
    const goa = await openGoa({ url: server.url, token }, "/history", {
      headers: contextOf(clients.length),
    });
    await goa.closed();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    const histories = receiver.spans.filter(({ name }) => name.endsWith("/History"));
    const protocols = [...clients.map(({ protocol }) => protocol), "websocket-plain"];
    expect(histories).toHaveLength(protocols.length);
    for (const [i, protocol] of protocols.entries()) {
      const span = histories.find(({ traceId }) => traceId === traceIdOf(i))!;
      const isGrpc = protocol.startsWith("grpc");
      expect(span).toMatchObject({
        name: "chatter.v1.ChatterService/History",
        parentSpanId: parentId,
        kind: 2, // SPAN_KIND_SERVER
        service: "chatter",
        attributes: {
          "rpc.system": isGrpc ? "grpc" : "connect_rpc",
          "rpc.service": "chatter.v1.ChatterService",
          "rpc.method": "History",
          "chatter.protocol": protocol,
          "chatter.messages_received": 1,
          "chatter.messages_sent": 0,
          "client.address": "127.0.0.1",
          "enduser.id": "goa",
          ...(isGrpc && { "rpc.grpc.status_code": 0 }),
        },
      });
    }
    // The line of a call and its span can be put together.
    const lines = server
      .errors()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const line = lines.find(({ traceId }) => traceId === traceIdOf(0));
    const span = histories.find(({ traceId }) => traceId === traceIdOf(0))!;
    expect(span.attributes["chatter.request_id"]).toBe(line.requestId);
    expect(JSON.stringify(receiver.spans)).not.toContain(token);
  });

  test("reports of a long stream when it resumed, when it was live and why it ended", async () => {
    const receiver = await startOtlpReceiver();
    const { server, token } = await start(receiver);
    const wire = mainWires.find(({ protocol }) => protocol === "grpc")!;
    const client = createClient(ChatterService, transportOf(wire, server.url, [withToken(token)]));
    await collect(client.echoer(messages(3)));
    const [first] = await collect(client.history({ limit: 1n }));
    const events = client.subscribe({ after: first!.cursor })[Symbol.asyncIterator]();
    for (let i = 0; i < 2; i++) {
      await events.next();
    }
    for (let i = 0; i < 50; i++) {
      await collect(client.echoer(messages(1)));
      await events.next();
    }
    const ended = errorOf({ [Symbol.asyncIterator]: () => events });
    await server.stop();
    await ended;
    const span = receiver.spans.find(({ name }) => name.endsWith("/Subscribe"))!;
    expect(span.events).toEqual([
      { name: "resumed", attributes: { after: 1 } },
      { name: "live", attributes: { after: 3 } },
      {
        name: "ended",
        attributes: { code: "unavailable", reason: "the server is stopping" },
      },
    ]);
    expect(span.attributes).toMatchObject({
      "rpc.grpc.status_code": 14,
      "chatter.messages_sent": 52,
    });
    expect(span.status).toMatchObject({ code: 2, message: "the server is stopping" });
  });

  test("sends what a client did wrong without calling it an error of the server", async () => {
    const receiver = await startOtlpReceiver();
    const { server, token } = await start(receiver, { OTEL_SERVICE_NAME: "our-chatter" });
    const client = createClient(
      ChatterService,
      transportOf(mainWires[0]!, server.url, [withToken(token)]),
    );
    await errorOf(client.history({ after: "?" }));
    await server.stop();
    const span = receiver.spans.find(({ name }) => name.endsWith("/History"))!;
    expect(span.attributes["rpc.connect_rpc.error_code"]).toBe("invalid_argument");
    expect(span.status.code ?? 0).toBe(0);
    expect(span.service).toBe("our-chatter");
  });

  test("stops within its grace though nobody takes the spans", async () => {
    const receiver = await startOtlpReceiver();
    receiver.silent = true;
    const { server } = await start(receiver);
    const begun = performance.now();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - begun).toBeLessThan(8_000);
    expect(server.errors()).toContain("the last traces may be lost");
  });

  test("sends nothing if OTEL_SDK_DISABLED is true", async () => {
    const receiver = await startOtlpReceiver();
    const { server } = await start(receiver, { OTEL_SDK_DISABLED: "true" });
    await server.stop();
    expect(receiver.spans).toEqual([]);
  });
});

async function* messages(count: number) {
  for (let i = 0; i < count; i++) {
    yield { message: "x" };
  }
}

test("a server that is to trace without the SDK refuses to start, and says what to install", async () => {
  const hook =
    'export async function resolve(name, context, next) { if (name === "@opentelemetry/sdk-node") ' +
    'throw Object.assign(new Error("not here"), { code: "ERR_MODULE_NOT_FOUND" }); return next(name, context); }';
  const hide = `import { register } from "node:module"; register(${JSON.stringify(
    `data:text/javascript,${encodeURIComponent(hook)}`,
  )});`;
  const environment = {
    OTEL_TRACES_EXPORTER: "otlp",
    NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(hide)}`,
  };
  const args = ["--demo", "--log", "memory", "--port", "0", "--data-dir", tempDir()];
  const { status, errors } = await runServe(args, environment);
  expect(errors).toMatch(
    /^chatter: .*OTEL_TRACES_EXPORTER asks for traces, but .* not installed: npm install @opentelemetry\/sdk-node/,
  );
  expect(errors.trimEnd().split("\n")).toHaveLength(1);
  expect(status).toBe(1);
});
