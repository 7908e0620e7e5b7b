import { brotliCompressSync, gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMetrics, type Metrics } from "../../src/server/metrics/metrics.js";
import type { Logger } from "../../src/server/util/logger.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { answerOf, connectHttp2, envelope, post, type RawAnswer } from "../support/raw-http2.js";
import { until } from "../support/streams.js";

/*
 * What a client does wrong is reported to it as its own fault, on every wire, and is seen: each
 * call has one line, at level info, and one figure, and no stream is reset in place of an answer.
 */

const service = "/chatter.v1.ChatterService";

interface Line {
  readonly level: "info" | "error";
  readonly method: string;
  readonly code: string;
  readonly error?: string;
}

let server: TestServer;
let metrics: Metrics;
let lines: Line[];

beforeEach(async () => {
  lines = [];
  const write = (level: Line["level"]) => (fields: object) =>
    void lines.push({ level, ...fields } as Line);
  const logger: Pick<Logger, "info" | "error"> = { info: write("info"), error: write("error") };
  metrics = createMetrics();
  server = await startChatter({ logger, metrics });
});

afterEach(async () => {
  expect(lines.filter(({ level }) => level === "error")).toEqual([]);
});

/** The code and the text of an answer, in whichever protocol it is. */
function errorIn({ headers, trailers, body }: RawAnswer): { code: string; message: string } {
  const web = body.toString();
  const status =
    trailers["grpc-status"] ?? headers["grpc-status"] ?? /grpc-status: ?(\d+)/.exec(web)?.[1];
  if (status !== undefined) {
    const text =
      Number(status) === 0
        ? ""
        : (trailers["grpc-message"] ??
          headers["grpc-message"] ??
          /grpc-message: ?(.*)/.exec(web)?.[1]);
    const code = (Code[Number(status)] ?? "Ok")
      .replace(/\B[A-Z]/g, (letter) => `_${letter}`)
      .toLowerCase();
    return { code, message: decodeURIComponent(String(text)) };
  }
  const found = /\{"(?:error|code)".*\}/s.exec(web)?.[0] ?? "{}";
  const { error, code, message } = JSON.parse(found);
  return error ?? { code, message };
}

/** Sends a body whole, and gives the error of the answer and the line of the call. */
async function call(
  method: string,
  headers: Record<string, string>,
  body: Uint8Array | string,
): Promise<{ code: string; message: string; reset: number; line: Line | undefined }> {
  const session = await connectHttp2(server.url);
  const before = lines.length;
  const path = method.startsWith("/") ? method : `${service}/${method}`;
  const stream = post(session, path, { ...server.headers, ...headers });
  stream.end(body);
  const answer = await answerOf(stream);
  await until(() => lines.length > before, `the line of ${method}`);
  expect(lines).toHaveLength(before + 1);
  session.destroy();
  return { ...errorIn(answer), reset: answer.reset, line: lines.at(-1) };
}

/** A content type, the header of its encoding, and whether messages are in envelopes. */
interface Kind {
  readonly type: string;
  readonly encoding: string;
  readonly isUnary?: true;
}

const unaryKinds: readonly Kind[] = [
  { type: "application/json", encoding: "content-encoding", isUnary: true },
  { type: "application/proto", encoding: "content-encoding", isUnary: true },
];
const grpcKinds: readonly Kind[] = ["grpc", "grpc-web"].flatMap((name) =>
  ["proto", "json"].map((codec) => ({
    type: `application/${name}+${codec}`,
    encoding: "grpc-encoding",
  })),
);
const streamKinds: readonly Kind[] = [
  ...["proto", "json"].map((codec) => ({
    type: `application/connect+${codec}`,
    encoding: "connect-content-encoding",
  })),
  ...grpcKinds,
];

/** Every method, by what it takes, over every wire that it can come by. */
const ways: readonly (readonly [method: string, kind: Kind])[] = [
  ...[...unaryKinds, ...grpcKinds].map((kind) => ["Login", kind] as const),
  ...["Listener", "History", "Echoer"].flatMap((method) =>
    streamKinds.map((kind) => [method, kind] as const),
  ),
];

const isJson = ({ type }: Kind) => type.endsWith("json");
const messageOf = (kind: Kind) => (isJson(kind) ? Buffer.from("{}") : Buffer.alloc(0));

test.each(["gzip", "br"])("a message of broken %s is invalid_argument", async (encoding) => {
  const compress = encoding === "gzip" ? gzipSync : brotliCompressSync;
  for (const [method, kind] of ways) {
    const whole = compress(Buffer.alloc(300, isJson(kind) ? " " : 0));
    const broken = {
      truncated: whole.subarray(0, Math.ceil(whole.length / 2)),
      "not compressed": Buffer.from("plain text, which is not an archive"),
      "one byte": Buffer.from([0x1f]),
    };
    for (const [what, bytes] of Object.entries(broken)) {
      const body = kind.isUnary ? bytes : envelope(bytes, 1);
      const headers = { "content-type": kind.type, [kind.encoding]: encoding };
      const found = await call(method, headers, body);
      expect(found, `${method}, ${kind.type}: ${what}`).toMatchObject({
        code: "invalid_argument",
        message: `the message cannot be read: it is not whole and valid ${encoding}`,
        reset: 0,
        line: { level: "info", code: "invalid_argument" },
      });
    }
  }
});

test("the flag of compression in a call without an encoding is logged at level info", async () => {
  for (const [method, kind] of ways.filter(([, { isUnary }]) => !isUnary)) {
    const found = await call(method, { "content-type": kind.type }, envelope("x", 1));
    // The code is the one that Connect's conformance suite wants.
    expect(found, `${method}, ${kind.type}`).toMatchObject({
      code: "internal",
      message: "received compressed envelope, but do not know how to decompress",
      reset: 0,
      line: { level: "info", code: "internal" },
    });
  }
});

test("an encoding that is not known is unimplemented", async () => {
  for (const [method, kind] of ways) {
    const message = messageOf(kind);
    const headers = { "content-type": kind.type, [kind.encoding]: "zstd" };
    const found = await call(method, headers, kind.isUnary ? message : envelope(message, 1));
    expect(found, `${method}, ${kind.type}`).toMatchObject({
      code: "unimplemented",
      reset: 0,
      line: { level: "info", code: "unimplemented" },
    });
  }
});

test("half of a surrogate pair in JSON is invalid_argument, wherever it stands", async () => {
  const bodies = [
    '{"\\ud800":1}',
    '{"user":"\\udfff"}',
    '{"message":"\\ud83d\\ud83d\\ude00"}',
    '{"view":"\\uD83D \\uDE00"}',
  ];
  const json = ways.filter(([, kind]) => isJson(kind));
  for (const [method, kind] of json) {
    for (const body of bodies) {
      const found = await call(
        method,
        { "content-type": kind.type },
        kind.isUnary ? body : envelope(body),
      );
      expect(found, `${method}, ${kind.type}: ${body}`).toMatchObject({
        code: "invalid_argument",
        message: expect.stringContaining("half of a surrogate pair"),
        reset: 0,
        line: { level: "info", code: "invalid_argument" },
      });
    }
  }
  for (const fine of ['"\\ud83d\\ude00"', '"\\\\ud800"', '"\\\\\\ud83d\\uDE00"', '"\\u0041"']) {
    const { line } = await call(
      "Listener",
      { "content-type": "application/connect+json" },
      envelope(`{"message":${fine}}`),
    );
    expect(line, fine).toMatchObject({ code: "ok" });
  }
});

test("a message that cannot be read is invalid_argument", async () => {
  for (const [method, kind] of ways) {
    const broken: Record<string, Uint8Array> = isJson(kind)
      ? {
          "not JSON": Buffer.from("{"),
          "not UTF-8": Buffer.from('{"user":"\xff","message":"\xff"}', "latin1"),
          "another type": Buffer.from("[]"),
          "an invalid name": Buffer.from('{"nobody":1}'),
        }
      : {
          "a cut field": Buffer.from([0x0a, 5, 0x61]),
          "not UTF-8": Buffer.from([0x0a, 1, 0xff]),
          "a group that ends": Buffer.from([0x0c]),
          "a tag of zero": Buffer.from([0x00, 0x00]),
          "a varint without end": Buffer.alloc(12, 0xff),
        };
    for (const [what, bytes] of Object.entries(broken)) {
      const body = kind.isUnary ? bytes : envelope(bytes);
      const found = await call(method, { "content-type": kind.type }, body);
      expect(found, `${method}, ${kind.type}: ${what}`).toMatchObject({
        code: "invalid_argument",
        reset: 0,
        line: { level: "info", code: "invalid_argument" },
      });
    }
  }
});

test("an envelope that is cut is invalid_argument", async () => {
  for (const [method, kind] of ways.filter(([, { isUnary }]) => !isUnary)) {
    for (const cut of [envelope("{}").subarray(0, 6), envelope("").subarray(0, 3)]) {
      const found = await call(method, { "content-type": kind.type }, cut);
      expect(found, `${method}, ${kind.type}`).toMatchObject({
        code: "invalid_argument",
        reset: 0,
        line: { level: "info", code: "invalid_argument" },
      });
    }
  }
});

test("the envelope that ends an answer is skipped in a request, by either way", async () => {
  for (const [name, flag] of [
    ["connect", 2],
    ["grpc-web", 0x80],
  ] as const) {
    for (const codec of ["proto", "json"]) {
      const found = await call(
        "Listener",
        { "content-type": `application/${name}+${codec}` },
        envelope("grpc-status: 0\r\n", flag),
      );
      expect(found.line, `${name}+${codec}`).toMatchObject({ level: "info", code: "ok" });
    }
  }
});

test("no message, or two where there is to be one, is what the protocols say", async () => {
  for (const [method, kind] of ways.filter(([name, k]) => !k.isUnary && /L.gin|H/.test(name))) {
    const message = envelope(messageOf(kind));
    for (const body of [Buffer.alloc(0), Buffer.concat([message, message])]) {
      const found = await call(method, { "content-type": kind.type }, body);
      expect(found, `${method}, ${kind.type}`).toMatchObject({
        code: "unimplemented",
        reset: 0,
        line: { level: "info", code: "unimplemented" },
      });
    }
  }
});

test("a body that is not as long as its content-length says has its line, too", async () => {
  for (const [method, kind] of ways) {
    const session = await connectHttp2(server.url);
    const before = lines.length;
    const headers = { ...server.headers, "content-type": kind.type, "content-length": "100" };
    const stream = post(session, `${service}/${method}`, headers);
    const closed = new Promise((resolve) => stream.once("close", resolve));
    stream.write(kind.isUnary ? "{" : envelope("{}").subarray(0, 3));
    await new Promise((resolve) => session.ping(resolve)); // The server has begun with it.
    stream.end(kind.isUnary ? "{}" : envelope("{}"));
    await closed;
    await until(() => lines.length > before, `the line of ${method}, ${kind.type}`);
    expect(lines.at(-1)!.level).toBe("info");
    session.destroy();
  }
});

test("each of them counts in the metrics", async () => {
  const gzip = { "content-type": "application/grpc", "grpc-encoding": "gzip" };
  await call("Listener", gzip, envelope(gzipSync("x").subarray(0, 12), 1));
  await call(
    "/grpc.health.v1.Health/Check",
    { "content-type": "application/grpc+json" },
    envelope('{"\\ud800":1}'),
  );
  await call(
    "History",
    { "content-type": "application/grpc+json" },
    envelope('{"view":"\\udfff"}'),
  );
  const text = await metrics.registry.metrics();
  for (const method of ["Listener", "Check", "History"]) {
    expect(text).toMatch(
      new RegExp(`grpc_server_handled_total\\{[^}]*"${method}"[^}]*"InvalidArgument"\\} 1`),
    );
  }
  expect(text).not.toMatch(/chatter_open_streams\{[^}]*\} [1-9]/);
});
