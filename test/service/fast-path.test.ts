import { create } from "@bufbuild/protobuf";
import { type StringValue, StringValueSchema } from "@bufbuild/protobuf/wkt";
import {
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type HandlerContext,
  type ServiceImpl,
  type Transport,
} from "@connectrpc/connect";
import { beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { encodeEnvelopes, receive, respond } from "../../src/server/index.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { OtherService } from "../support/ignoring-service.js";
import { collect, errorOf, until } from "../support/streams.js";
import { transportOf, type Wire, wires, withToken } from "../support/wires.js";

/*
 * What a service of somebody else does with `respond` and `receive`.
 */

type Values = AsyncIterable<StringValue>;

const texts = ["one", "", "three é"];
const shared = encodeEnvelopes(
  StringValueSchema,
  texts.map((value) => ({ value })),
);
const none = encodeEnvelopes(StringValueSchema, []);

async function* batches(fails: boolean) {
  yield shared;
  yield none;
  yield shared;
  if (fails) {
    throw new ConnectError("no more", Code.Aborted);
  }
}

const methods = {
  serverStream: ({ value }: StringValue, context: HandlerContext) =>
    respond(context, StringValueSchema, batches(value === "fail")),

  async clientStream(values: Values, context: HandlerContext) {
    const all: string[] = [];
    for await (const batch of receive(context, values, StringValueSchema)) {
      expect(batch.length).toBeGreaterThan(0);
      all.push(...batch.map(({ value }) => value));
    }
    return create(StringValueSchema, { value: all.join(",") });
  },
} as unknown as ServiceImpl<typeof OtherService>;

async function* each(values: readonly string[]) {
  for (const value of values) {
    yield { value };
  }
}

function clientOver(transport: Transport) {
  return createClient(OtherService, transport) as unknown as {
    serverStream(value: { value: string }): Values;
    clientStream(values: AsyncIterable<{ value: string }>): Promise<StringValue>;
  };
}

async function checkCalls(client: ReturnType<typeof clientOver>): Promise<void> {
  const received = await collect(client.serverStream({ value: "" }));
  expect(received.map(({ value }) => value)).toEqual([...texts, ...texts]);
  expect((await client.clientStream(each(texts))).value).toBe(texts.join(","));
  expect((await client.clientStream(each([]))).value).toBe("");
  const failed: string[] = [];
  const reading = (async () => {
    for await (const { value } of client.serverStream({ value: "fail" })) {
      failed.push(value);
    }
  })();
  expect((await errorOf(reading)).message).toBe("[aborted] no more");
  expect(failed).toHaveLength(6);
}

describe("in a createChatter", () => {
  let server: TestServer;
  let paths: string[];
  let calls: { received: number; sent: number }[];

  beforeEach(async () => {
    paths = [];
    calls = [];
    server = await startChatter({
      routes: (router) => void router.service(OtherService, methods),
      onStream: (path) => paths.push(path),
      logger: { info: (line) => calls.push(line as (typeof calls)[number]), error() {} },
    });
  });

  const tunnel = (codec: Wire["codec"]) => () =>
    createWebSocketTransport({
      baseUrl: server.url,
      interceptors: [withToken(server.token)],
      webSocket: WebSocket as unknown as typeof globalThis.WebSocket,
      useBinaryFormat: codec === "binary",
    });
  const all = [
    ...wires.map(
      (wire) =>
        [
          wire.name,
          wire.codec,
          () => transportOf(wire, server.url, [withToken(server.token)]),
        ] as const,
    ),
    ["the tunnel, binary", "binary", tunnel("binary")] as const,
    ["the tunnel, json", "json", tunnel("json")] as const,
  ];

  test.each(all)("over %s, calls are answered and counted", async (_, codec, transport) => {
    await checkCalls(clientOver(transport()));
    expect(paths).toEqual(Array(4).fill(codec === "binary" ? "passthrough" : "decoded"));
    await until(() => calls.length === 4, "each call has its line");
    expect(calls.map(({ received, sent }) => [received, sent])).toEqual([
      [1, 6],
      [3, 1],
      [0, 1],
      [1, 6],
    ]);
  });
});

test("in a router of Connect's own, the same methods work without the fast path", async () => {
  await checkCalls(
    clientOver(createRouterTransport((router) => void router.service(OtherService, methods))),
  );
});
