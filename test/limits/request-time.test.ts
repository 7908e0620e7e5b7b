import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { openRawConnection } from "../support/raw-connection.js";
import { answerOf, connectHttp2, envelope, post } from "../support/raw-http2.js";
import { until } from "../support/streams.js";
import { openingMessage, openRaw } from "../support/websocket-raw.js";

const limits = { requestTimeoutMs: 300 };

test("over HTTP/1.1 headers that are not whole in time are 408, and one byte a time does not help", async () => {
  const { url } = await startChatter({ limits });
  const { socket, received } = await openRawConnection(url);
  socket.write("POST /chatter.v1.ChatterService/Login HTTP/1.1\r\n");
  const timer = setInterval(() => socket.write("x"), 20);
  try {
    await until(() => received().includes("408"), "408");
  } finally {
    clearInterval(timer);
  }
});

test.each(["/chatter.v1.ChatterService/Login", "/login", "/nothing", "/livez"])(
  "over HTTP/1.1 a body for %s that is not whole in time costs the connection",
  async (path) => {
    const { url } = await startChatter({ limits });
    const connection = await openRawConnection(url);
    const { socket, received } = connection;
    const head = `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
    socket.write(`${head}authorization: Basic Z29hOnJvY2tz\r\ncontent-length: 1000000\r\n\r\n{`);
    const timer = setInterval(() => socket.write(" "), 20);
    try {
      await until(() => connection.ended, "the connection is closed");
    } finally {
      clearInterval(timer);
    }
    const status = received().toString().split(" ")[1];
    expect(status).toBe(
      {
        "/chatter.v1.ChatterService/Login": "429",
        "/login": "200",
        "/nothing": "404",
        "/livez": "405",
      }[path],
    );
  },
);

describe.each(["Login", "Subscribe", "History"])("%s", (method) => {
  test("over HTTP/2 a message that is not whole in time is refused", async () => {
    const refused: string[] = [];
    const server = await startChatter({
      limits: { ...limits, onRefused: (limit) => refused.push(limit) },
    });
    const stream = post(await connectHttp2(server.url), `/chatter.v1.ChatterService/${method}`, {
      "content-type": "application/grpc",
      ...server.headers,
    });
    stream.write(envelope(Buffer.from([0x0a, 100])).subarray(0, 6)); // Half of it.
    const { headers, trailers } = await answerOf(stream);
    const said = { ...headers, ...trailers };
    expect(said["grpc-status"]).toBe(String(Code.ResourceExhausted));
    expect(said["grpc-message"]).toMatch(/no message came within 0.3 seconds/);
    expect(refused).toEqual(["request_time"]);
  });

  test("so it is in the tunnel", async () => {
    const server = await startChatter({ limits });
    const socket = openRaw(Number(new URL(server.url).port), method);
    await socket.opened();
    socket.write(
      openingMessage({
        authorization: [server.headers.authorization],
        ...(method === "Login" ? { "content-type": ["application/json"] } : {}),
      }),
    );
    await socket.closed();
    expect(socket.closeCode).toBe(1000);
    expect(socket.body.toString()).toContain("resource_exhausted");
  });
});

test("who is in time does not get that they were late", async () => {
  const refused: string[] = [];
  const server = await startChatter({
    limits: { ...limits, onRefused: (limit) => refused.push(limit) },
  });
  const stream = post(await connectHttp2(server.url), "/chatter.v1.ChatterService/Subscribe", {
    "content-type": "application/grpc",
    ...server.headers,
  });
  stream.end(envelope(Buffer.alloc(0)));
  const answer = answerOf(stream);
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(server.chatter.openCalls).toBe(1);
  expect(refused).toEqual([]);
  stream.close();
  await answer;
});
