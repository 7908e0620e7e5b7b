import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createMetrics } from "../../src/server/metrics/metrics.js";
import { listenForMetrics } from "../../src/server/metrics/metrics-server.js";
import { startChatter } from "../support/chatter-server.js";
import { openRawConnection } from "../support/raw-connection.js";
import { answerOf, connectHttp2 } from "../support/raw-http2.js";
import { until } from "../support/streams.js";

/** More than Node keeps, in fewer bytes than the limit. */
const many = "a:b\r\n".repeat(3000);

/** The status and the text of the answer to a request over HTTP/1.1. */
async function ask(url: string, head: string) {
  const { socket, received } = await openRawConnection(url);
  socket.write(`${head}\r\n\r\n`);
  await until(() => received().includes("\r\n\r\n"), "an answer");
  const answer = received().toString();
  return { status: Number(answer.split(" ")[1]), text: answer.split("\r\n\r\n")[1] };
}

test("over HTTP/1.1 no header is lost, however many stand before it", async () => {
  const { url } = await startChatter({ metrics: createMetrics() });
  const proxied = "X-Forwarded-For: 203.0.113.9\r\nVia: 1.1 proxy";
  const { status } = await ask(url, `GET /metrics HTTP/1.1\r\nHost: x\r\n${many}${proxied}`);
  expect(status).toBe(403);
});

test("over HTTP/2 the bytes of headers are bounded, and not their number", async () => {
  const { url } = await startChatter({ metrics: createMetrics() });
  const session = await connectHttp2(url);
  const headers = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`h${i}`, "1"]));
  const get = (more: Record<string, string>) =>
    answerOf(session.request({ ":path": "/metrics", ...headers, ...more }).resume());
  expect((await get({})).headers[":status"]).toBe(200);
  expect((await get({ via: "1.1 proxy" })).headers[":status"]).toBe(403);
});

test("headers that are too large are 431 on either HTTP, say why, and are counted", async () => {
  const refused: string[] = [];
  const server = await startChatter({ limits: { onRefused: (limit) => refused.push(limit) } });
  const large = "x".repeat(17_000);
  const reason = "the headers are too large: all of them have at most 16,384 bytes\n";

  const head = `GET /livez HTTP/1.1\r\nHost: x\r\nx: ${large}`;
  expect(await ask(server.url, head)).toEqual({ status: 431, text: reason });

  const session = await connectHttp2(server.url);
  const answer = await answerOf(session.request({ ":path": "/livez", x: large }));
  expect(answer.headers[":status"]).toBe(431);
  expect(answer.body.toString()).toBe(reason);

  expect(refused).toEqual(["header_bytes", "header_bytes"]);
});

test("the server of --metrics-address loses none either, and answers and counts the same", async () => {
  const metrics = createMetrics();
  const { url, close } = await listenForMetrics(metrics, { host: "127.0.0.1", port: 0 });
  onTestFinished(close);
  const get = (headers: string) =>
    ask(url, `GET /metrics HTTP/1.1\r\nHost: localhost\r\n${headers}Connection: close`);
  expect((await get(many)).status).toBe(200);
  expect((await get(`x: ${"x".repeat(17_000)}\r\n`)).status).toBe(431);
  expect(await metrics.registry.metrics()).toContain(
    'chatter_refused_total{limit="header_bytes"} 1',
  );
});

test("on a server of one's own that drops headers, a request that has lost some is 431", async () => {
  const { chatter } = await startChatter({ metrics: createMetrics() });
  const own = createServer(chatter.requestListener).on("upgrade", chatter.upgradeListener);
  own.listen(0, "127.0.0.1");
  onTestFinished(() => void own.close().closeAllConnections());
  await once(own, "listening");
  const url = `http://127.0.0.1:${(own.address() as AddressInfo).port}`;
  const upgrade = "Connection: Upgrade\r\nUpgrade: websocket";
  for (const most of [null, 100]) {
    own.maxHeadersCount = most;
    expect((await ask(url, `GET /metrics HTTP/1.1\r\nHost: x`)).status).toBe(200);
    expect((await ask(url, `GET /metrics HTTP/1.1\r\nHost: x\r\n${many}via: x`)).status).toBe(431);
    const socket = `GET /subscribe HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n${many}via: x`;
    expect((await ask(url, socket)).status).toBe(431);
  }
  own.maxHeadersCount = 0;
  expect((await ask(url, `GET /metrics HTTP/1.1\r\nHost: x\r\n${many}via: x`)).status).toBe(403);
});

test("what is not HTTP is 400 as before, and headers that do not come 408", async () => {
  const { url } = await startChatter({ limits: { requestTimeoutMs: 200 } });
  expect((await ask(url, "NONSENSE")).status).toBe(400);
  const slow = connect(Number(new URL(url).port), "127.0.0.1");
  onTestFinished(() => void slow.destroy());
  slow.write("GET / HTTP/1.1\r\nHost: x\r\n");
  const [answer] = await once(slow, "data");
  expect(`${answer}`).toMatch(/^HTTP\/1.1 408 /);
});
