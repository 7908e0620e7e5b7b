import { describe, expect, onTestFinished, test } from "vitest";
import { createMetrics } from "../../src/server/metrics/metrics.js";
import { listenForMetrics } from "../../src/server/metrics/metrics-server.js";
import { startChatter } from "../support/chatter-server.js";
import { sendRaw, statusOf } from "./raw-http.js";

/**
 * A body in chunks, and behind it what would be another request to a server that does not read
 * chunks.
 */
const chunked = `Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const head = (request: string) =>
  `${request} HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive`;

describe("HTTP/1.0 with Transfer-Encoding, whose end is not certain, gets 400 and no more", () => {
  test.each([
    ["a call", "POST /chatter.v1.ChatterService/Login"],
    ["goa's login", "POST /login"],
    ["a probe", "GET /livez"],
    ["a path that there is not", "POST /nothing"],
  ])("%s", async (_name, request) => {
    const { url } = await startChatter();
    for (const more of ["", "\r\nUpgrade: h2c"]) {
      const answer = await sendRaw(url, `${head(request)}${more}\r\n${chunked}`);
      expect(statusOf(answer)).toBe(400);
      expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
      expect(answer.toLowerCase()).toContain("connection: close");
    }
  });

  test("the metrics' own address", async () => {
    const { url, close } = await listenForMetrics(createMetrics(), { host: "127.0.0.1", port: 0 });
    onTestFinished(close);
    const answer = await sendRaw(url, `${head("GET /metrics")}\r\n${chunked}`);
    expect(statusOf(answer)).toBe(400);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });
});

test("HTTP/1.0 without it is served", async () => {
  const { url } = await startChatter();
  const answer = await sendRaw(url, `${head("GET /livez")}\r\n\r\n`);
  expect(statusOf(answer)).toBe(200);
});
