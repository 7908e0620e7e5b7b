import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";

/**
 * So long that a parser with quadratic time is not done before the test's time is over. A linear
 * one takes milliseconds.
 */
const length = 500_000;

/** The middle of a value, which many expressions could match in more than one way. */
const fillings = {
  blanks: " ",
  tabs: "\t",
  commas: ",",
  slashes: "/",
  semicolons: "; ",
  dots: ".",
};

const call = "POST /chatter.v1.ChatterService/Login";
const socket = "GET /subscribe";

const headers: readonly (readonly [request: string, name: string, begin: string])[] = [
  ["GET /", "If-None-Match", '"a"'],
  ["GET /", "Accept-Encoding", "gzip"],
  ["GET /", "Connection", "close"],
  ["GET /", "Cookie", "a=b"],
  [call, "Authorization", "Basic "],
  [call, "Authorization", "Bearer a"],
  [call, "X-Forwarded-For", "192.0.2.1"],
  [call, "X-Request-Id", "a"],
  [call, "Traceparent", "00-"],
  [call, "Origin", "http://a"],
  [call, "Content-Type", "application/json"],
  [call, "Content-Encoding", "gzip"],
  [call, "Connect-Timeout-Ms", "1"],
  [call, "Connect-Accept-Encoding", "gzip"],
  [call, "Grpc-Timeout", "1"],
  [socket, "Origin", "http://a"],
  [socket, "Connection", "upgrade"],
  [socket, "Sec-WebSocket-Protocol", "connect-tunnel.v1"],
  [socket, "Sec-WebSocket-Extensions", "permessage-deflate"],
];

/** Sends one request and resolves to the status of its answer. */
function statusOf(url: string, lines: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const client = connect(Number(new URL(url).port), "127.0.0.1");
    client
      .on("error", reject)
      .on("close", () => reject(new Error("the connection was closed without an answer")))
      .once("data", (data) => {
        resolve(Number(data.toString("latin1").split(" ", 2)[1]));
        client.destroy();
      })
      .once("connect", () => client.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1"));
  });
}

describe("a request is answered at once, whatever is in its", () => {
  test.each(headers)("%s: %s %s", async (request, name, begin) => {
    const { url } = await startChatter({
      limits: { maxHeaderBytes: 1024 * 1024 },
      allowedOrigins: ["https://a.example"],
      trustedProxies: ["127.0.0.1"],
    });
    const upgrade =
      request === socket && name !== "Connection" ? ["Connection: Upgrade"] : ["Content-Length: 0"];
    for (const filling of Object.values(fillings)) {
      const status = await statusOf(url, [
        `${request} HTTP/1.1`,
        "Host: localhost",
        ...upgrade,
        ...(request === socket ? ["Upgrade: websocket"] : []),
        `${name}: ${begin}${filling.repeat(length / filling.length)}b`,
      ]);
      expect(status).toBeGreaterThanOrEqual(200);
    }
  });
});
