import { once } from "node:events";
import { constants } from "node:http2";
import { connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import type { MessageLog } from "../../src/server/log/message-log.js";
import { startChatter } from "../support/chatter-server.js";
import { countReadBytes } from "../support/count-read-bytes.js";
import { FaultyLog } from "../support/faulty-log.js";
import { fill } from "../support/fill.js";
import { answerOf, connectHttp2, envelope, post } from "../support/raw-http2.js";
import { rounds, sleep, until } from "../support/streams.js";

const history = "/chatter.v1.ChatterService/History";
const types = ["application/grpc", "application/connect+proto", "application/connect+json"];

async function longLog(): Promise<MessageLog> {
  const log = createMemoryLog();
  await fill(log, Array(300).fill("x".repeat(60_000)));
  return log;
}

function request(type: string): Buffer {
  return envelope(type.endsWith("json") ? "{}" : "");
}

describe.each(types)("a reader that takes nothing is cut, by %s", (type) => {
  test("after its deadline, on HTTP/2", async () => {
    const server = await startChatter({ log: await longLog() });
    const stream = post(await connectHttp2(server.url), history, {
      "content-type": type,
      "grpc-timeout": "1S",
      "connect-timeout-ms": "1000",
      ...server.headers,
    });
    stream.end(request(type));
    await until(() => server.chatter.openCalls === 1, "the call is under way");
    await until(() => server.chatter.openCalls === 0, "no call is under way");
    await once(stream, "close");
    expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
  });

  test("after its token has expired, on HTTP/1.1", async () => {
    if (type === "application/grpc") {
      return; // gRPC needs HTTP/2.
    }
    const server = await startChatter({ log: await longLog() });
    const { token } = await server.tokens.issue({
      subject: "goa",
      scopes: ["stream:read"],
      lifetimeSeconds: 2, // The time of its end is in whole seconds.
    });
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    socket.on("error", () => {}); // The reset that is waited for.
    onTestFinished(() => void socket.destroy());
    const body = request(type);
    socket.write(
      `POST ${history} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\n` +
        `authorization: Bearer ${token}\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    socket.write(body);
    await until(() => server.chatter.openCalls === 1, "the call is under way");
    await until(() => server.chatter.openCalls === 0, "no call is under way");
    await sleep(700);
    socket.resume(); // What the kernel holds comes, and then the end.
    await once(socket, "close");
  });
});

test("readers that take nothing keep the server's memory flat", async () => {
  const log = new FaultyLog();
  const text = "x".repeat(60);
  for (let i = 0; i < rounds(3); i++) {
    await fill(log, Array(50_000).fill(text));
  }
  const readBytes = countReadBytes(log);
  const server = await startChatter({ log });
  const readers = 20;
  const streams = [];
  for (let i = 0; i < readers; i++) {
    // A connection each: a stopped one stops its neighbours too.
    const session = await connectHttp2(server.url);
    const stream = post(session, history, {
      "content-type": types[i % types.length]!,
      ...server.headers,
    });
    stream.end(request(types[i % types.length]!));
    await once(stream, "response");
    streams.push(stream);
  }
  await sleep(300);
  const stopped = readBytes();
  await sleep(200);
  expect(readBytes()).toBe(stopped);
  // A batch of 64 KiB each, and what HTTP/2's window and the stream's own buffer take.
  expect(stopped / readers).toBeLessThan(256 * 1024);

  const [first] = streams;
  let messages = 0;
  first!.on("data", (chunk: Buffer) => {
    messages += chunk.length;
  });
  await answerOf(first!);
  expect(messages).toBeGreaterThan(log.head * text.length);
});
