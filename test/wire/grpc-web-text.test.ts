import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect, onTestFinished, test } from "vitest";
import {
  HistoryRequestSchema,
  HistoryResponseSchema,
  LoginRequestSchema,
  LoginResponseSchema,
} from "../../src/gen/chatter_pb.js";
import { startChatter } from "../support/chatter-server.js";
import { bundleForPage, describeInChromium } from "../support/chromium.js";
import type { GrpcWebPage } from "../support/grpc-web-page.js";
import { post } from "../support/log-messages.js";

declare const page: GrpcWebPage;

const service = "/chatter.v1.ChatterService";

function envelope(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The messages of a body in base64 whose parts may each end with padding, and its trailers. */
function parse(text: string): { messages: Buffer[]; trailers: string } {
  const parts = text.match(/[A-Za-z0-9+/]+={0,2}/g) ?? [];
  const bytes = Buffer.concat(parts.map((part) => Buffer.from(part, "base64")));
  const messages: Buffer[] = [];
  let trailers = "";
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    const content = bytes.subarray(at + 5, end);
    if (bytes[at] === 0x80) {
      trailers = content.toString();
    } else {
      messages.push(content);
    }
    at = end;
  }
  return { messages, trailers };
}

const login = toBinary(
  LoginRequestSchema,
  create(LoginRequestSchema, { user: "goa", password: "rocks" }),
);

async function call(url: string, type: string, body: string | Uint8Array, headers = {}) {
  const response = await fetch(url, {
    method: "POST",
    headers: { ...headers, "content-type": type, "x-grpc-web": "1" },
    body: body as BodyInit,
  });
  return { response, type: response.headers.get("content-type"), text: await response.text() };
}

test.each(["application/grpc-web-text", "application/grpc-web-text+proto"])(
  "%s: a unary call and a stream, in base64 both ways",
  async (type) => {
    const server = await startChatter();
    const unary = await call(
      `${server.url}${service}/Login`,
      type,
      envelope(login).toString("base64"),
    );
    expect(unary.type).toBe(type);
    const answer = parse(unary.text);
    expect(fromBinary(LoginResponseSchema, answer.messages[0]!).token).toMatch(/^ey/);
    expect(answer.trailers).toMatch(/grpc-status: *0/);

    await server.log.append(Array.from({ length: 200 }, (_, i) => post(`é ${i}`)));
    const request = envelope(toBinary(HistoryRequestSchema, create(HistoryRequestSchema)));
    const url = `${server.url}${service}/History`;
    const stream = await call(url, type, request.toString("base64"), server.headers);
    const { messages, trailers } = parse(stream.text);
    expect(messages.map((bytes) => fromBinary(HistoryResponseSchema, bytes).message)).toEqual(
      Array.from({ length: 200 }, (_, i) => `é ${i}`),
    );
    expect(trailers).toMatch(/grpc-status: *0/);
  },
);

test("a body in parts that each end with padding is read, and one that is not base64 is refused", async () => {
  const server = await startChatter();
  const url = `${server.url}${service}/Login`;
  const bytes = envelope(login);
  const parts = [bytes.subarray(0, 1), bytes.subarray(1, 6), bytes.subarray(6)];
  const body = parts.map((part) => Buffer.from(part).toString("base64")).join("");
  const { text } = await call(url, "application/grpc-web-text", body);
  expect(parse(text).trailers).toMatch(/grpc-status: *0/);
  for (const wrong of [
    "not base64!",
    body.slice(0, -1),
    `=AAA${body}`,
    `A===${body}`,
    `====${body}`,
  ]) {
    const { text, response } = await call(url, "application/grpc-web-text", wrong);
    const trailers = parse(text).trailers || [...response.headers].join("\n");
    expect(trailers).toMatch(/grpc-status[:,] *3/);
    expect(decodeURIComponent(trailers)).toMatch(/not base64/);
  }
});

test.each([
  ["application/json ; charset=utf-8", 200],
  ['Application/JSON;charset="UTF-8"', 200],
  ["application/json; charset=utf-8; version=1", 200],
  ["application/json;charset=latin1", 415],
  ['application/json; title="a;charset=latin1"', 200],
  ['application/json; title="a\\"; b"; CHARSET="ut\\f-8"', 200],
  ["application/json; charset = utf-8", 415],
  ['application/json; title="a', 415],
  ["application/jsonp", 415],
])("content type %s gets %i", async (type, status) => {
  const server = await startChatter();
  const url = `${server.url}${service}/Login`;
  const { response } = await call(url, type, `{"user": "goa", "password": "rocks"}`);
  expect(response.status).toBe(status);
});

test.each(["application/grpc-web+proto ; x=1", 'APPLICATION/GRPC-WEB+PROTO; a="b;c"'])(
  "content type %s is gRPC-Web's",
  async (type) => {
    const server = await startChatter();
    const { response } = await call(`${server.url}${service}/Login`, type, envelope(login));
    expect(response.status).toBe(200);
  },
);

describeInChromium("the official gRPC-Web client in Chromium", (browser) => {
  test("logs in, reads a stream, and gets errors", { timeout: 60_000 }, async () => {
    const script = await bundleForPage(new URL("../support/grpc-web-page.ts", import.meta.url));
    const server = await startChatter();
    await server.log.append(Array.from({ length: 50 }, (_, i) => post(`é ${i}`)));
    const opened = await browser().newPage({ bypassCSP: true });
    onTestFinished(() => opened.context().close());
    await opened.goto(server.url);
    await opened.addScriptTag({ content: script });
    const token = await opened.evaluate(() => page.login("goa", "rocks"));
    const texts = await opened.evaluate((t) => page.history(`Bearer ${t}`, 50), token);
    expect(texts).toEqual(Array.from({ length: 50 }, (_, i) => `é ${i}`));
    expect(await opened.evaluate(() => page.history("Bearer x", 1))).toBe("16 invalid token");
  });
});
