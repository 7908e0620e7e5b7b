import { once } from "node:events";
import { request as requestHttp1 } from "node:http";
import { connect } from "node:http2";
import { describe, expect, onTestFinished, test } from "vitest";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { envelope } from "../support/websocket-raw.js";

/** A request stream that is open, and when the headers of its response come. */
interface Call {
  readonly body: { write(chunk: Uint8Array): unknown; end(chunk?: Uint8Array): unknown };
  readonly headers: Promise<unknown>;
}

type Open = (server: TestServer, method: string) => Call;

const headersOf = ({ headers }: TestServer) => ({
  ...headers,
  "content-type": "application/connect+proto",
});

const overHttp1: Open = (server, method) => {
  const body = requestHttp1(`${server.url}/chatter.v1.ChatterService/${method}`, {
    method: "POST",
    headers: headersOf(server),
  });
  onTestFinished(() => void body.destroy());
  const headers = once(body, "response").then(([response]) => response.resume());
  return { body, headers };
};

const overHttp2: Open = (server, method) => {
  const session = connect(server.url);
  onTestFinished(() => session.destroy());
  const body = session.request({
    ":method": "POST",
    ":path": `/chatter.v1.ChatterService/${method}`,
    ...headersOf(server),
  });
  return { body, headers: once(body.resume(), "response") };
};

const post = envelope(Buffer.from([10, 1, 97]));

describe.each([
  ["HTTP/1.1", overHttp1],
  ["HTTP/2", overHttp2],
])("%s", (_, open) => {
  test.each(["Listener", "Summary"])("%s: the headers come with the answer", async (method) => {
    const server = await startChatter();
    const { body, headers } = open(server, method);
    let isThere = false;
    headers.then(() => {
      isThere = true;
    });
    for (const sequence of [1, 2]) {
      body.write(post);
      while (server.log.head < sequence) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    expect(isThere).toBe(false);
    body.end();
    await headers;
  });

  test.each(["Subscribe", "History"])("%s: the headers come at once", async (method) => {
    const server = await startChatter();
    const { body, headers } = open(server, method);
    body.end(envelope(""));
    await headers;
  });
});

test("Echoer: the headers come at once, before any message", async () => {
  await overHttp2(await startChatter(), "Echoer").headers;
});
