import type { CallOptions, Client } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import {
  type ChatterService,
  EchoerResponseSchema,
  HistoryResponseSchema,
  ListenerResponseSchema,
  SubscribeResponseSchema,
  SummaryResponseSchema,
  View,
} from "../../src/gen/chatter_pb.js";
import { formatCursor } from "../../src/server/log/cursor.js";
import type { Way } from "../../src/server/service/encoded-stream.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { type Outcome, outcomeOf } from "../support/outcome.js";
import { clientOf, gzipWires, type Wire, wires } from "../support/wires.js";

/*
 * Binary streams are sent and received past Connect's pipeline, JSON and compressed
 * requests go through it. What a client sees must be the same.
 */

type ChatterClient = Client<typeof ChatterService>;
type Post = { message?: string; messageId?: string };
type Run = (client: ChatterClient, server: TestServer) => Promise<Outcome>;

async function* sending(posts: readonly Post[]) {
  yield* posts;
}

const posts: Record<string, readonly Post[]> = {
  nothing: [],
  "three messages": [{ message: "one" }, { message: "zwei é" }, { message: "🙂", messageId: "ß" }],
  "many messages": numbered(100).map((message) => ({ message })),
  "the longest text": [{ message: "é".repeat(32_768) }],
  "an empty text": [{ message: "kept" }, { message: "" }, { message: "not kept" }],
  "no text at all": [{ messageId: "x" }],
  "a text too long": [{ message: "kept" }, { message: "x".repeat(65_537) }],
  "an id too long": [{ message: "kept" }, { message: "x", messageId: "y".repeat(129) }],
  "a wire message too big": [{ message: "kept" }, { message: "x".repeat(530_000) }],
  "a repeat": [
    { message: "a", messageId: "1" },
    { message: "b", messageId: "2" },
    { message: "a", messageId: "1" },
  ],
  "an id for two texts": [
    { message: "a", messageId: "1" },
    { message: "b", messageId: "1" },
    { message: "c" },
  ],
};

/** The size of a message on the wire depends on the codec, and is unknown if compressed. */
const sizeOfWireMessage =
  /^message (?:size \d+ )?is (larger than .* \d+)(?: after decompression)?$/;

/** The three methods share what they do with a stream: each fault is tried with one of them. */
const posting: Record<string, Run> = {
  ...Object.fromEntries(
    Object.entries(posts).map(([name, list]): [string, Run] => [
      `Listener: ${name}`,
      (client) =>
        outcomeOf(ListenerResponseSchema, (options) => client.listener(sending(list), options)),
    ]),
  ),
  ...Object.fromEntries(
    ["three messages", "an empty text"].map((name): [string, Run] => [
      `Summary: ${name}`,
      (client) =>
        outcomeOf(SummaryResponseSchema, (options) =>
          client.summary(sending(posts[name]!), options),
        ),
    ]),
  ),
  ...Object.fromEntries(
    ["nothing", "many messages", "an empty text", "a wire message too big", "a repeat"].map(
      (name): [string, Run] => [
        `Echoer: ${name}`,
        (client) =>
          outcomeOf(EchoerResponseSchema, (options) =>
            client.echoer(sending(posts[name]!), options),
          ),
      ],
    ),
  ),
};

function deadline(options: CallOptions): CallOptions {
  return { ...options, timeoutMs: 200 };
}

const reading: Record<string, Run> = {
  "History: all": (client) =>
    outcomeOf(HistoryResponseSchema, (options) => client.history({}, options)),
  "History: tiny": (client) =>
    outcomeOf(HistoryResponseSchema, (options) => client.history({ view: View.TINY }, options)),
  "History: the last 70": (client) =>
    outcomeOf(HistoryResponseSchema, (options) => client.history({ last: 70n }, options)),
  "History: a limit": (client) =>
    outcomeOf(HistoryResponseSchema, (options) => client.history({ limit: 2n }, options)),
  "History: no such view": (client) =>
    outcomeOf(HistoryResponseSchema, (options) => client.history({ view: 99 as View }, options)),
  "History: no cursor": (client) =>
    outcomeOf(HistoryResponseSchema, (options) => client.history({ after: "x" }, options)),
  "History: another log's cursor": (client) =>
    outcomeOf(HistoryResponseSchema, (options) =>
      client.history({ after: formatCursor("AAAAAAAA", 1) }, options),
    ),
  "Subscribe: from a cursor until a deadline": (client, { log }) =>
    outcomeOf(SubscribeResponseSchema, (options) =>
      client.subscribe({ after: formatCursor(log.identity, 90) }, deadline(options)),
    ),
  "Subscribe: nothing until a deadline": (client) =>
    outcomeOf(SubscribeResponseSchema, (options) => client.subscribe({}, deadline(options))),
  "Subscribe: beyond the head": (client, { log }) =>
    outcomeOf(SubscribeResponseSchema, (options) =>
      client.subscribe({ after: formatCursor(log.identity, 101) }, options),
    ),
  "Subscribe: bookmarks too rare": (client) =>
    outcomeOf(SubscribeResponseSchema, (options) =>
      client.subscribe({ bookmarkSeconds: 3601 }, options),
    ),
};

async function run(wire: Wire, given: Run, stored: number): Promise<{ way: Way; seen: Outcome }> {
  const ways: Way[] = [];
  const server = await startChatter({ onStream: (way) => ways.push(way) });
  if (stored > 0) {
    await fill(server.log, numbered(stored));
  }
  const seen = await given(clientOf(server, wire), server);
  expect(ways).toHaveLength(1);
  return {
    way: ways[0]!,
    seen: JSON.parse(
      JSON.stringify(seen, (_, value) => {
        const text = typeof value === "bigint" ? String(value) : value;
        return typeof text === "string" ? text.replace(sizeOfWireMessage, "$1") : text;
      }),
    ),
  };
}

const groups = wires
  .filter(({ codec }) => codec === "binary")
  .map((binary) => {
    const isSame = ({ protocol, http }: Wire) =>
      protocol === binary.protocol && http === binary.http;
    return {
      name: binary.name.replace(", binary", ""),
      http: binary.http,
      binary,
      json: wires.find((wire) => wire.codec === "json" && isSame(wire))!,
      gzip: gzipWires.find(isSame)!,
    };
  });

describe.each(groups)("$name", ({ http, binary, json, gzip }) => {
  const cases = Object.entries(posting).filter(
    ([name]) => http === "2" || !name.startsWith("Echoer"),
  );

  it.each(cases)("%s", async (_, given) => {
    const encoded = await run(binary, given, 0);
    expect(encoded.way).toBe("encoded");
    for (const wire of [json, gzip]) {
      const ordinary = await run(wire, given, 0);
      expect(ordinary.way).toBe("ordinary");
      expect(ordinary.seen, wire.name).toEqual(encoded.seen);
    }
  });

  it.each(Object.entries(reading))("%s", async (_, given) => {
    const encoded = await run(binary, given, 100);
    const ordinary = await run(json, given, 100);
    expect([encoded.way, ordinary.way]).toEqual(["encoded", "ordinary"]);
    expect(ordinary.seen).toEqual(encoded.seen);
  });
});
