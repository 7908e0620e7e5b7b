import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { FaultyLog } from "../support/faulty-log.js";
import { answerOf, connectHttp2, post } from "../support/raw-http2.js";

interface Answer {
  status: number;
  headers: Headers;
  body: string;
}

type Ask = (url: string, method: string, path: string) => Promise<Answer>;

async function overHttp1(url: string, method: string, path: string): Promise<Answer> {
  const response = await fetch(url + path, { method });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

async function overHttp2(url: string, method: string, path: string): Promise<Answer> {
  const session = await connectHttp2(url);
  const stream = session.request({ ":method": method, ":path": path });
  stream.end();
  const { headers, body } = await answerOf(stream);
  const { ":status": status, ...rest } = headers;
  return {
    status: Number(status),
    headers: new Headers(Object.entries(rest) as [string, string][]),
    body: body.toString(),
  };
}

const service = "/chatter.v1.ChatterService";

describe.each([
  ["HTTP/1.1", overHttp1],
  ["HTTP/2", overHttp2],
] as [string, Ask][])("over %s", (_, ask) => {
  test("/livez says that the server lives, /readyz that it welcomes calls", async () => {
    const log = new FaultyLog();
    const { url } = await startChatter({ log });
    for (const path of ["/livez", "/readyz", "/readyz?verbose"]) {
      const { status, body, headers } = await ask(url, "GET", path);
      expect([status, body]).toEqual([200, "ok\n"]);
      expect(headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(headers.get("cache-control")).toBe("no-store");
    }
    log.writeFault = new ConnectError("the disk is full", Code.Unavailable);
    expect(await ask(url, "GET", "/livez")).toMatchObject({ status: 200 });
    expect(await ask(url, "GET", "/readyz")).toMatchObject({ status: 503, body: "not ready\n" });
    const head = await ask(url, "HEAD", "/readyz");
    expect([head.status, head.body, head.headers.get("content-length")]).toEqual([503, "", "10"]);
  });

  test.each(["/nothing", `${service}/Nothing`, `${service}/`, "/livez/", "//livez"])(
    "%s is 404",
    async (path) => {
      const { url } = await startChatter();
      for (const method of ["GET", "POST", "HEAD"]) {
        const { status, body } = await ask(url, method, path);
        expect(status).toBe(404);
        expect(body).toBe(method === "HEAD" ? "" : `there is nothing at ${path}\n`);
      }
    },
  );

  test("a wrong method is 405, and the answer says which are right", async () => {
    const { url } = await startChatter();
    for (const [method, path, allow] of [
      ["GET", `${service}/Login`, "POST"],
      ["GET", `${service}/History`, "POST"],
      ["DELETE", `${service}/Echoer`, "POST"],
      ["POST", "/livez", "GET, HEAD"],
      ["PUT", "/readyz", "GET, HEAD"],
    ] as const) {
      const { status, headers } = await ask(url, method, path);
      expect([path, status, headers.get("allow")]).toEqual([path, 405, allow]);
    }
  });

  test("a body of no known kind is 415", async () => {
    const { url } = await startChatter();
    expect((await ask(url, "POST", `${service}/History`)).status).toBe(415);
  });
});

test.each(["::1:8080", "[::1", "%zz"])(
  "a call to the authority %s is answered",
  async (authority) => {
    // The first is what Node's own client writes for http://[::1]:8080.
    const { url } = await startChatter();
    const session = await connectHttp2(url);
    const stream = post(session, `${service}/Login`, {
      ":authority": authority,
      "content-type": "application/json",
    });
    stream.end('{"user":"goa","password":"rocks"}');
    const { headers, reset } = await answerOf(stream);
    expect([headers[":status"], reset]).toEqual([200, 0]);
  },
);
