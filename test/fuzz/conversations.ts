import {
  callHeaders,
  flag,
  frame,
  frameType,
  headerBlock,
  initialWindowSize,
  preface,
  settings,
  settingsAck,
  uint32,
} from "../support/http2-frames.js";
import { envelope } from "../support/raw-http2.js";
import {
  binary,
  opcode,
  openingMessage,
  post,
  text,
  frame as webSocketFrame,
} from "../support/websocket-raw.js";

/** What a correct client writes on one connection, divided where mutations may apply. */
export interface Conversation {
  readonly name: string;
  readonly parts: readonly Buffer[];
  /** What the answer contains, in any order, if the server understood everything. */
  readonly answers: readonly string[];
}

const service = "/chatter.v1.ChatterService";

/** Valid conversations of every wire; their bytes differ from run to run only by the token. */
export function conversations(token: string): Conversation[] {
  const bearer = `Bearer ${token}`;
  return [...http1(bearer), ...http2(bearer), ...webSocket(bearer)];
}

function http1(bearer: string): Conversation[] {
  const login = '{"user":"goa","password":"wrong"}';
  const posts = Buffer.concat([
    envelope('{"message":"one"}'),
    envelope('{"message":"two","messageId":"a"}'),
  ]);
  return [
    {
      name: "probes and a login, pipelined",
      parts: [
        ...lines("GET /livez HTTP/1.1", "Host: localhost", 'If-None-Match: W/"a", *'),
        ...lines("OPTIONS /login HTTP/1.1", "Host: localhost", "Origin: http://localhost"),
        ...lines(
          `POST ${service}/Login HTTP/1.1`,
          "Host: localhost",
          "Content-Type: application/json",
          "Connect-Timeout-Ms: 9000",
          `Content-Length: ${login.length}`,
        ),
        Buffer.from(login),
      ],
      answers: ["200 OK", "unauthenticated"],
    },
    {
      name: "a Connect stream in chunks",
      parts: [
        ...lines(
          `POST ${service}/Listener HTTP/1.1`,
          "Host: localhost",
          `Authorization: ${bearer}`,
          "Content-Type: application/connect+json",
          "Transfer-Encoding: chunked",
        ),
        Buffer.from(`${posts.length.toString(16)}\r\n`),
        posts,
        Buffer.from("\r\n0\r\n"),
        Buffer.from("Trailer: x\r\n\r\n"),
      ],
      answers: ['"stored"'],
    },
    {
      name: "gRPC-Web, then another upgrade",
      parts: [
        ...lines(
          `POST ${service}/History HTTP/1.1`,
          "Host: localhost",
          `Authorization: ${bearer}`,
          "Content-Type: application/grpc-web+proto",
          "grpc-timeout: 5S",
          "Content-Length: 5",
        ),
        envelope(""),
        ...lines(
          "GET /readyz HTTP/1.1",
          "Host: localhost",
          "Connection: Upgrade, HTTP2-Settings",
          "Upgrade: h2c",
          "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        ),
      ],
      answers: ["grpc-status: 0", "200 OK"],
    },
    {
      name: "POST /login",
      parts: lines(
        "POST /login HTTP/1.1",
        "Host: localhost",
        "Authorization: Basic Z29hOndyb25n",
        "Content-Length: 0",
      ),
      answers: ["401", "invalid username"],
    },
  ];
}

function http2(bearer: string): Conversation[] {
  const authorized = { authorization: bearer, "grpc-timeout": "10S" };
  const begin = [preface, settings({ [initialWindowSize]: 70_000 }), settingsAck()];
  const headers = (stream: number, path: string, more: Record<string, string> = {}, flags = 0) =>
    frame(frameType.headers, flag.endHeaders | flags, stream, headerBlock(callHeaders(path, more)));
  const data = (stream: number, bytes: Uint8Array, flags = 0) =>
    frame(frameType.data, flags, stream, bytes);
  const message = (field: number, value: string) =>
    envelope(Buffer.concat([Buffer.of(field * 8 + 2, value.length), Buffer.from(value)]));
  return [
    {
      name: "gRPC: posts, an echo, a history, health and reflection on one connection",
      parts: [
        ...begin,
        headers(1, `${service}/Listener`, authorized),
        data(1, Buffer.concat([message(1, "one"), message(1, "two")])),
        headers(3, `${service}/Echoer`, authorized),
        data(3, message(1, "echo")),
        data(1, Buffer.alloc(0), flag.endStream),
        data(3, message(1, "again"), flag.endStream),
        headers(5, "/grpc.health.v1.Health/Check"),
        data(5, envelope(""), flag.endStream),
        headers(7, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
        data(7, message(7, ""), flag.endStream),
        frame(frameType.ping, 0, 0, Buffer.alloc(8)),
        headers(9, `${service}/History`, authorized),
        data(9, envelope(""), flag.endStream),
        frame(frameType.windowUpdate, 0, 0, uint32(100_000)),
        frame(frameType.windowUpdate, 0, 9, uint32(100_000)),
      ],
      answers: ["again", "ChatterService"],
    },
    {
      name: "gRPC: a subscription that is reset, a header block in pieces, trailers",
      parts: [
        ...begin,
        headers(1, `${service}/Subscribe`, authorized),
        data(1, envelope(""), flag.endStream),
        frame(frameType.headers, 0, 3, headerBlock(callHeaders(`${service}/Summary`))),
        frame(frameType.continuation, flag.endHeaders, 3, headerBlock(authorized)),
        data(3, message(1, "summed")),
        frame(frameType.headers, flag.endHeaders | flag.endStream, 3, headerBlock({ "x-a": "b" })),
        frame(frameType.rstStream, 0, 1, uint32(8)),
        settings({ [initialWindowSize]: 80_000 }),
        headers(5, "/grpc.health.v1.Health/Watch"),
        data(5, envelope(""), flag.endStream),
        frame(frameType.rstStream, 0, 5, uint32(8)),
      ],
      answers: ["summed"],
    },
    {
      name: "Connect: a login in JSON, a GET, a page",
      parts: [
        ...begin,
        headers(1, `${service}/Login`, { "content-type": "application/json" }),
        data(1, Buffer.from('{"user":"goa","password":"wrong"}'), flag.endStream),
        headers(3, "/", { ":method": "GET", "if-none-match": '"x"' }, flag.endStream),
        frame(frameType.goaway, 0, 0, Buffer.concat([uint32(0), uint32(0)])),
      ],
      answers: ["invalid username", "<html"],
    },
  ];
}

function webSocket(bearer: string): Conversation[] {
  const upgrade = (path: string, ...more: string[]) =>
    lines(
      `GET ${path} HTTP/1.1`,
      "Host: localhost",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      ...more,
    );
  const tunnel = "Sec-WebSocket-Protocol: connect-tunnel.v1";
  const goa = `Authorization: ${bearer}`;
  return [
    {
      name: "tunnel: an echo",
      parts: [
        ...upgrade(`${service}/Echoer`, tunnel),
        openingMessage({ authorization: [bearer] }),
        post("tunnelled"),
        text('{"credit":1000}'),
        binary(envelope('{"message":"more"}')),
        webSocketFrame(opcode.ping, "p"),
        text("null"),
      ],
      answers: ["tunnelled", "more"],
    },
    {
      name: "tunnel: a subscription that is left",
      parts: [
        ...upgrade(`${service}/Subscribe`, tunnel),
        openingMessage({ authorization: [bearer], "connect-timeout-ms": ["9000"] }),
        binary(envelope("{}")),
        text("null"),
      ],
      answers: ["chatter-cursor"],
    },
    {
      name: "goa's dialect: echoes, one in fragments",
      parts: [
        ...upgrade("/echoer", goa),
        text('"one"'),
        webSocketFrame(opcode.text, '"fragm', 0),
        webSocketFrame(opcode.ping),
        webSocketFrame(opcode.more, 'ent"', 0x80),
        binary('"binary"'),
        text("null"),
      ],
      answers: ['"one"', '"fragment"'],
    },
    {
      name: "goa's dialect: a summary",
      parts: [...upgrade("/summary", goa), text('"a"'), text("null"), webSocketFrame(opcode.pong)],
      answers: ['"sent_at"'],
    },
  ];
}

/** A request's headers, a line in each part. */
function lines(...texts: string[]): Buffer[] {
  return [...texts, ""].map((line) => Buffer.from(`${line}\r\n`, "latin1"));
}
