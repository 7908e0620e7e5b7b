import { Agent, request as http1Request } from "node:http";
import type { ClientHttp2Session } from "node:http2";
import { brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";
import type { UniversalHandlerOptions } from "@connectrpc/connect/protocol";
import { expect, onTestFinished, test } from "vitest";
import { jsonOptions } from "../../src/server/service/json-options.js";
import type { Logger } from "../../src/server/util/logger.js";
import { askRoutes } from "../support/ask-service.js";
import { startChatter } from "../support/chatter-server.js";
import { answerOf, connectHttp2, envelope } from "../support/raw-http2.js";
import { until } from "../support/streams.js";

/*
 * Unary calls are answered beside Connect's pipeline; what is not as it should be goes through it.
 * Here every request is made twice: of a service that is mounted as usual, and of the same with an
 * option that only Connect knows, which leaves all of its calls to Connect. The answers are to be
 * the same, and so is what the server says of the call in its log.
 */

interface Request {
  readonly method?: "GET";
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | string;
}

/** A question in the form of protobuf. */
function proto(what: string, padding = ""): Buffer {
  const field = (tag: number, value: string) => {
    const length = Buffer.byteLength(value);
    const bytes: number[] = [tag];
    for (let left = length; ; left >>= 7) {
      bytes.push(left > 127 ? (left & 127) | 128 : left);
      if (left < 128) {
        break;
      }
    }
    return Buffer.concat([Buffer.from(bytes), Buffer.from(value)]);
  };
  return Buffer.concat([field(0x0a, what), padding ? field(0x12, padding) : Buffer.alloc(0)]);
}
const json = (what: string) => JSON.stringify({ what });

interface Form {
  readonly contentType: string;
  readonly encode: (what: string, padding?: string) => Buffer;
  readonly frame: (message: Uint8Array, flags?: number) => Buffer;
  readonly encoding: string;
  readonly timeout: (ms: number) => Record<string, string>;
}

const connect = {
  frame: (message: Uint8Array) => Buffer.from(message),
  encoding: "content-encoding",
  timeout: (ms: number) => ({ "connect-timeout-ms": String(ms) }),
};
const grpc = {
  frame: (message: Uint8Array, flags?: number) => envelope(message, flags),
  encoding: "grpc-encoding",
  timeout: (ms: number) => ({ "grpc-timeout": `${ms}m` }),
};
const codecs = {
  proto,
  json: (what: string, padding?: string) => Buffer.from(JSON.stringify({ what, padding })),
};
const forms: readonly Form[] = [
  { ...connect, contentType: "application/proto", encode: codecs.proto },
  { ...connect, contentType: "application/json", encode: codecs.json },
  ...["grpc", "grpc-web"].flatMap((protocol) => [
    { ...grpc, contentType: `application/${protocol}`, encode: codecs.proto },
    { ...grpc, contentType: `application/${protocol}+proto`, encode: codecs.proto },
    { ...grpc, contentType: `application/${protocol}+json`, encode: codecs.json },
  ]),
];

const ask = "/ask.v1.AskService/Ask";
const look = "/ask.v1.AskService/Look";

const questions = [
  ...["echo", "nothing", "later", "long", "half a pair", "headers", "context"],
  ...["an error", "a long error", "a fault", "a fault at once", "an abort", "no such thing"],
];

/** Each kind of request in one form. */
function requestsOf(form: Form): Record<string, Request> {
  const { contentType, encode, frame, encoding, timeout } = form;
  const accepted = encoding.replace("encoding", "accept-encoding").replace("content-", "");
  const headers = { "content-type": contentType };
  const echo = encode("echo");
  const made = (body: Uint8Array | string, more: Record<string, string> = {}): Request => ({
    path: ask,
    headers: { ...headers, ...more },
    body,
  });
  return {
    ...Object.fromEntries(
      questions.flatMap((what): [string, Request][] => [
        [what, made(frame(encode(what)), { "x-asked": "1, 2" })],
        [`${what}, by Look`, { ...made(frame(encode(what))), path: look }],
        [`${what}, gzip accepted`, made(frame(encode(what)), { [accepted]: "gzip" })],
        [`${what}, br accepted`, made(frame(encode(what)), { [accepted]: "zstd, br;q=1, br" })],
      ]),
    ),
    "a deadline": made(frame(encode("context")), timeout(60_000)),
    "a deadline that passes": made(frame(encode("signal")), timeout(20)),
    "a deadline that is ignored": made(frame(encode("never")), timeout(20)),
    "a deadline that has passed": made(frame(encode("signal")), timeout(0)),
    "a deadline beyond all timers": made(frame(echo), timeout(99_999_999)),
    "an invalid deadline": made(frame(echo), { "connect-timeout-ms": "x", "grpc-timeout": "x" }),
    "no body": made(""),
    "no message": made(frame(Buffer.alloc(0))),
    "an unknown field": made(
      frame(Buffer.from(contentType.endsWith("json") ? '{"x":1}' : "\x22\x01x")),
    ),
    "no such form": made(frame(Buffer.from("\xff\xff"))),
    "half of a message": made(frame(echo.subarray(0, -1))),
    "half of a pair in JSON": made(frame(Buffer.from('{"what":"\\ud800"}'))),
    "bad UTF-8": made(frame(Buffer.concat([Buffer.from([0x0a, 2]), Buffer.from([0xff, 0xfe])]))),
    "a message too long": made(frame(encode("echo", "x".repeat(70_000)))),
    "the longest message": made(frame(encode("echo", "x".repeat(65_000)))),
    compressed: made(frame(gzipSync(echo), 1), { [encoding]: "gzip" }),
    "compressed, of an encoding nobody knows": made(frame(echo, 1), { [encoding]: "zstd" }),
    "compressed, and is not": made(frame(echo, 1), { [encoding]: "gzip" }),
    "the flag of compression alone": made(frame(echo, 1)),
    "an encoding by the name of identity": made(frame(echo), { [encoding]: "identity" }),
    "two messages": made(Buffer.concat([frame(echo), frame(echo)])),
    "a message and a half": made(Buffer.concat([frame(echo), frame(echo).subarray(0, 4)])),
    "an end of stream": made(Buffer.concat([frame(echo), frame(Buffer.alloc(0), 0x80)])),
    "an end of stream alone": made(frame(Buffer.alloc(0), 0x02)),
    "half of an envelope": made(frame(echo).subarray(0, 3)),
    "a binary header": made(frame(encode("headers")), { "x-some-bin": "AAEC", "x-e": "\xe9" }),
    "no token": made(frame(echo), { authorization: "" }),
    "a wrong token": made(frame(echo), { authorization: "Bearer x" }),
  };
}

const query = (parameters: Record<string, string>) => `${look}?${new URLSearchParams(parameters)}`;
const base64 = proto("echo").toString("base64url");

const others: Record<string, Request> = {
  "GET, JSON": { method: "GET", path: query({ encoding: "json", message: json("echo") }) },
  "GET, proto": {
    method: "GET",
    path: query({ encoding: "proto", message: base64, base64: "1", connect: "v1" }),
  },
  ...Object.fromEntries(
    questions.map((what): [string, Request] => [
      `GET, ${what}`,
      {
        method: "GET",
        path: query({ encoding: "json", message: json(what) }),
        headers: { "accept-encoding": "gzip", "connect-timeout-ms": "50000" },
      },
    ]),
  ),
  "GET without a message": { method: "GET", path: query({ encoding: "json" }) },
  "GET without anything": { method: "GET", path: look },
  "GET, proto without a message": { method: "GET", path: query({ encoding: "proto" }) },
  "GET, no such encoding": { method: "GET", path: query({ encoding: "xml", message: "{}" }) },
  "GET, no base64": {
    method: "GET",
    path: query({ encoding: "proto", message: "%%%", base64: "1" }),
  },
  "GET, identity": {
    method: "GET",
    path: query({ encoding: "json", message: json("echo"), compression: "identity" }),
  },
  "GET, compressed": {
    method: "GET",
    path: query({
      encoding: "json",
      message: gzipSync(json("echo")).toString("base64url"),
      base64: "1",
      compression: "gzip",
    }),
  },
  "GET, an unknown compression": {
    method: "GET",
    path: query({ encoding: "json", message: json("echo"), compression: "zstd" }),
  },
  "GET with a content type": {
    method: "GET",
    path: query({ encoding: "json", message: json("echo") }),
    headers: { "content-type": "application/json" },
  },
  "GET of what has effects": { method: "GET", path: ask },
  "GET, bad JSON": { method: "GET", path: query({ encoding: "json", message: "{" }) },
  "no content type": { path: ask, body: "{}" },
  ...Object.fromEntries(
    [
      ...["text/plain", "application/JSON", "application/json; charset=utf-8"],
      ...["application/json;charset=utf8", "application/json; charset=latin1"],
      ...["application/connect+json", "application/grpc-web-text", "application/grpc+thrift"],
      ...["APPLICATION/PROTO", "application/proto; x=y", "application/grpc; charset=utf-8"],
    ].map((contentType): [string, Request] => [
      contentType,
      { path: ask, headers: { "content-type": contentType }, body: json("echo") },
    ]),
  ),
  "a wrong protocol version": {
    path: ask,
    headers: { "content-type": "application/json", "connect-protocol-version": "9" },
    body: json("echo"),
  },
};

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: Buffer;
  readonly trailers: Record<string, unknown>;
}

type Send = (request: Request) => Promise<Answer>;

function overHttp1(url: string): Send {
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  return ({ method = "POST", path, headers, body = "" }) =>
    new Promise((resolve, reject) => {
      const request = http1Request(`${url}${path}`, { agent, method, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () => {
          const { statusCode: status = 0, headers, trailers } = response;
          resolve({ status, headers, trailers, body: Buffer.concat(chunks) });
        });
        response.on("error", reject);
      });
      request.on("error", reject);
      request.end(method === "GET" ? undefined : body);
    });
}

function overHttp2(session: ClientHttp2Session): Send {
  return async ({ method = "POST", path, headers, body = "" }) => {
    const stream = session.request({ ":method": method, ":path": path, ...headers });
    stream.on("error", () => {}); // What `answerOf` says is what the server did.
    stream.end(method === "GET" ? undefined : body);
    const answer = await answerOf(stream);
    return { ...answer, status: Number(answer.headers[":status"]) };
  };
}

const changing = new Set(["date", "x-request-id", ":status", "connection", "keep-alive"]);

function steady(headers: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !changing.has(name)));
}

/** What an answer says, in clear. */
function seen({ status, headers, body, trailers }: Answer) {
  const decompress = { gzip: gunzipSync, br: brotliDecompressSync };
  const encoding = headers["content-encoding"] as "gzip" | "br" | undefined;
  const whole = encoding ? decompress[encoding](body) : body;
  // A chunked body and one of known length are the same to a client of HTTP/1.
  const { "transfer-encoding": _, ...rest } = steady(headers);
  return { status, headers: rest, body: whole.toString("latin1"), trailers: steady(trailers) };
}

async function start(options: Partial<UniversalHandlerOptions>) {
  const lines: object[] = [];
  const write = (fields: Record<string, unknown>) => {
    const { durationMs, requestId, err, user, ...line } = fields;
    // Of a call that it refuses before its interceptors, Connect does not know the user.
    lines.push(line.code === "ok" ? { user, ...line } : line);
  };
  const server = await startChatter({
    routes: askRoutes({ jsonOptions, readMaxBytes: 66_000, ...options }),
    limits: { maxMessageBytes: 66_000 },
    logger: { info: write, error: write } as Pick<Logger, "info" | "error">,
  });
  const session = await connectHttp2(server.url);
  const sends = { "HTTP/1.1": overHttp1(server.url), "HTTP/2": overHttp2(session) };
  return async (http: keyof typeof sends, request: Request) => {
    lines.length = 0;
    const headers = { ...server.headers, ...request.headers };
    const answer = await sends[http]({ ...request, headers });
    // A refusal by status alone is no call.
    const isCall = ![405, 415].includes(answer.status);
    await until(() => !isCall || lines.length > 0, `the line of ${JSON.stringify(request)}`);
    return { ...seen(answer), lines: [...lines] };
  };
}

/** An option that Chatter leaves to Connect. */
const connectAlone = () => ({ shutdownSignal: new AbortController().signal });

const groups: Record<string, Record<string, Request>> = {
  ...Object.fromEntries(forms.map((form) => [form.contentType, requestsOf(form)])),
  others,
};

test.each(
  ["HTTP/1.1" as const, "HTTP/2" as const].flatMap((http) =>
    Object.keys(groups).map((group) => ({ http, group })),
  ),
)("$http, $group", async ({ http, group }) => {
  const usual = await start({});
  const connect = await start(connectAlone());
  const found: Record<string, unknown> = {};
  const expected: Record<string, unknown> = {};
  for (const [name, request] of Object.entries(groups[group]!)) {
    [found[name], expected[name]] = await Promise.all([
      usual(http, request),
      connect(http, request),
    ]);
  }
  expect(found).toEqual(expected);
});

test.each(["HTTP/1.1", "HTTP/2"] as const)(
  "%s: what is in order goes past Connect",
  async (http) => {
    const usual = await start({});
    const connect = await start(connectAlone());
    for (const { contentType, encode, frame } of forms) {
      const request = {
        path: ask,
        headers: { "content-type": contentType },
        body: frame(encode("pipeline")),
      };
      expect((await usual(http, request)).body).toContain("Chatter");
      expect((await connect(http, request)).body).toContain("Connect");
    }
    const path = query({ encoding: "json", message: json("pipeline") });
    expect((await usual(http, { method: "GET", path })).body).toContain("Chatter");
  },
);
