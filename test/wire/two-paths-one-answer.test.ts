import type { CallOptions, Client } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import {
  type ChatterService,
  EchoerResponseSchema,
  HistoryResponseSchema,
  ListenerResponseSchema,
  SubscribeResponseSchema,
  SummaryResponseSchema,
  View,
} from "../../src/gen/chatter_pb.js";
import { formatCursor } from "../../src/server/encoding/cursor.js";
import type { MessagePath } from "../../src/server/service/passthrough/stream.js";
import type { Logger } from "../../src/server/util/logger.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { type Outcome, outcomeOf } from "../support/outcome.js";
import { Outbox, until } from "../support/streams.js";
import { clientOf, gzipWires, tunnelClientOf, type Wire, wires } from "../support/wires.js";

/*
 * Binary streams are sent and received past Connect's pipeline, JSON and compressed
 * requests go through it. What a client sees must be the same, and what the server says of
 * the call in its log.
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

/** The messages of a call whose client leaves when it has the first of them. */
async function* leaveAfterOne<T>(
  call: (signal: AbortSignal) => AsyncIterable<T>,
): AsyncGenerator<T> {
  const leaving = new AbortController();
  for await (const message of call(leaving.signal)) {
    yield message;
    leaving.abort();
  }
}

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
  "Echoer: the client leaves": (client) => {
    const outbox = new Outbox<Post>();
    outbox.send({ message: "one" });
    return outcomeOf(EchoerResponseSchema, (options) =>
      leaveAfterOne((signal) => client.echoer(outbox, { ...options, signal })),
    );
  },
};

/** One that the server keeps, in either protocol's words, and the client's own code does not. */
function deadline(options: CallOptions): CallOptions {
  return { ...options, headers: { "connect-timeout-ms": "600", "grpc-timeout": "600m" } };
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
  "Subscribe: the client leaves": (client, { log }) =>
    outcomeOf(SubscribeResponseSchema, (options) =>
      leaveAfterOne((signal) =>
        client.subscribe({ after: formatCursor(log.identity, 99) }, { ...options, signal }),
      ),
    ),
  "Subscribe: beyond the head": (client, { log }) =>
    outcomeOf(SubscribeResponseSchema, (options) =>
      client.subscribe({ after: formatCursor(log.identity, 101) }, options),
    ),
  "Subscribe: bookmarks too rare": (client) =>
    outcomeOf(SubscribeResponseSchema, (options) =>
      client.subscribe({ bookmarkSeconds: 3601 }, options),
    ),
};

type ClientOf = (server: TestServer) => ChatterClient;

async function run(client: ClientOf, given: Run, stored: number) {
  const paths: MessagePath[] = [];
  const lines: object[] = [];
  const write = ({ method, user, code, sent, error }: Record<string, unknown>) =>
    void lines.push({ method, user, code, sent, error });
  const server = await startChatter({
    onStream: (path) => paths.push(path),
    logger: { info: write, error: write } as Pick<Logger, "info" | "error">,
  });
  if (stored > 0) {
    await fill(server.log, numbered(stored));
  }
  const outcome = await given(client(server), server);
  await until(() => lines.length > 0, "the call is over");
  expect([paths.length, lines.length]).toEqual([1, 1]);
  return {
    path: paths[0]!,
    seen: JSON.parse(
      JSON.stringify({ ...outcome, line: lines[0] }, (_, value) => {
        const text = typeof value === "bigint" ? String(value) : value;
        return typeof text === "string" ? text.replace(sizeOfWireMessage, "$1") : text;
      }),
    ),
  };
}

interface Group {
  readonly name: string;
  readonly bothWaysAtOnce: boolean;
  readonly binary: ClientOf;
  readonly json: ClientOf;
  /** The tunnel has no compression. */
  readonly gzip?: ClientOf;
}

const overHttp = wires
  .filter(({ codec }) => codec === "binary")
  .map((binary): Group => {
    const isSame = ({ protocol, http }: Wire) =>
      protocol === binary.protocol && http === binary.http;
    const json = wires.find((wire) => wire.codec === "json" && isSame(wire))!;
    const gzip = gzipWires.find(isSame)!;
    return {
      name: binary.name.replace(", binary", ""),
      bothWaysAtOnce: binary.http === "2",
      binary: (server) => clientOf(server, binary),
      json: (server) => clientOf(server, json),
      gzip: (server) => clientOf(server, gzip),
    };
  });
const tunnel: Group = {
  name: "the tunnel",
  bothWaysAtOnce: true,
  binary: (server) => tunnelClientOf(server),
  json: (server) => tunnelClientOf(server, "json"),
};

describe.each([...overHttp, tunnel])("$name", ({ bothWaysAtOnce, binary, json, gzip }) => {
  const cases = Object.entries(posting).filter(
    ([name]) => bothWaysAtOnce || !name.startsWith("Echoer"),
  );

  test.each(cases)("%s", async (_, given) => {
    const passthrough = await run(binary, given, 0);
    expect(passthrough.path).toBe("passthrough");
    for (const client of gzip ? [json, gzip] : [json]) {
      const decoded = await run(client, given, 0);
      expect(decoded.path).toBe("decoded");
      expect(decoded.seen).toEqual(passthrough.seen);
    }
  });

  test.each(Object.entries(reading))("%s", async (_, given) => {
    const passthrough = await run(binary, given, 100);
    const decoded = await run(json, given, 100);
    expect([passthrough.path, decoded.path]).toEqual(["passthrough", "decoded"]);
    expect(decoded.seen).toEqual(passthrough.seen);
  });
});
