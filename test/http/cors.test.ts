import { connect } from "node:http2";
import { describe, expect, onTestFinished, test } from "vitest";
import { startChatter, type TestServer } from "../support/chatter-server.js";

const app = "https://app.example";
const rpc = "/chatter.v1.ChatterService/";

interface Answer {
  readonly status: number;
  readonly headers: Headers;
}

type Ask = (
  server: TestServer,
  method: string,
  path: string,
  headers?: Record<string, string>,
  body?: string,
) => Promise<Answer>;

const overHttp1: Ask = async ({ url }, method, path, headers = {}, body) => {
  const init = { method, headers, ...(body === undefined ? {} : { body }) };
  const response = await fetch(url + path, init);
  await response.arrayBuffer();
  return response;
};

const overHttp2: Ask = ({ url }, method, path, headers = {}, body = "") => {
  const session = connect(url);
  onTestFinished(() => session.destroy());
  const stream = session.request(
    { ":method": method, ":path": path, ...headers },
    { endStream: false },
  );
  stream.end(body);
  return new Promise((resolve, reject) => {
    let answer: Answer | undefined;
    stream.on("response", ({ ":status": status = 0, ...rest }) => {
      answer = {
        status,
        headers: new Headers(Object.entries(rest).map(([name, value]) => [name, String(value)])),
      };
    });
    stream.on("end", () => resolve(answer!)).on("error", reject);
    stream.resume();
  });
};

const json = { "content-type": "application/json" };
const check = "/grpc.health.v1.Health/Check";

/** The CORS headers of an answer. */
function corsOf({ headers }: Answer): Record<string, string> {
  const all = [...headers].filter(([name]) => name.startsWith("access-control-"));
  return Object.fromEntries(all);
}

function preflight(origin: string): Record<string, string> {
  return {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,connect-protocol-version,content-type",
  };
}

describe.each([
  ["HTTP/1.1", overHttp1],
  ["HTTP/2", overHttp2],
])("%s", (_, ask) => {
  const start = () => startChatter({ allowedOrigins: [app, "http://localhost:5173"] });

  test("what a browser asks before is answered for the origins in the list", async () => {
    const server = await start();
    for (const path of [`${rpc}Login`, `${rpc}Subscribe`, check, "/login"]) {
      for (const origin of [app, "http://localhost:5173"]) {
        const answer = await ask(server, "OPTIONS", path, preflight(origin));
        expect(answer.status).toBe(204);
        expect(answer.headers.get("vary")).toBe("Origin");
        expect(corsOf(answer)).toMatchObject({
          "access-control-allow-origin": origin,
          "access-control-allow-methods": expect.stringContaining("POST"),
          "access-control-max-age": "7200",
        });
        const allowed = answer.headers.get("access-control-allow-headers")!.split(", ");
        expect(allowed).toEqual(
          expect.arrayContaining(["Authorization", "Content-Type", "Connect-Protocol-Version"]),
        );
        expect(allowed).toEqual(expect.arrayContaining(["X-Grpc-Web", "Grpc-Timeout"]));
      }
    }
  });

  test("and not for others", async () => {
    const server = await start();
    for (const origin of ["https://other.example", `${app}.evil.example`, "null", `${app}:8443`]) {
      const answer = await ask(server, "OPTIONS", `${rpc}Login`, preflight(origin));
      expect(answer.status).toBe(403);
      expect(corsOf(answer)).toEqual({});
      expect(answer.headers.get("vary")).toBe("Origin");
    }
  });

  test("answers and errors can be read by pages in the list", async () => {
    const server = await start();
    const basic = { authorization: `Basic ${btoa("goa:rocks")}` };
    const wrong = { authorization: `Basic ${btoa("goa:wrong")}` };
    const token = { authorization: `Bearer ${server.token}` };
    const stream = { "content-type": "application/connect+json" };
    const grpcWeb = { "content-type": "application/grpc-web+proto" };
    const nothing = "\0\0\0\0\0";
    const cases: [number, string, string, Record<string, string>, string | undefined][] = [
      [200, "POST", check, json, "{}"],
      [200, "POST", `${rpc}History`, { ...stream, ...token }, "\0\0\0\0\x02{}"],
      [200, "POST", `${rpc}History`, { ...grpcWeb, ...token }, nothing],
      [200, "POST", `${rpc}History`, { ...grpcWeb }, nothing], // with grpc-status 16
      [200, "POST", "/login", basic, undefined],
      [401, "POST", "/login", wrong, undefined],
      [401, "POST", `${rpc}Login`, { ...json, ...wrong }, "{}"],
      [405, "PUT", `${rpc}Login`, json, "{}"],
      [415, "POST", `${rpc}Login`, { "content-type": "text/csv" }, "a"],
    ];
    for (const [status, method, path, headers, body] of cases) {
      const answer = await ask(server, method, path, { ...headers, origin: app }, body);
      expect(answer.status).toBe(status);
      expect(corsOf(answer)).toEqual({
        "access-control-allow-origin": app,
        "access-control-expose-headers": expect.stringMatching(
          /Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin.*chatter-cursor, chatter-server, Retry-After/,
        ),
      });
      expect(answer.headers.get("vary")).toMatch(/(^|, )Origin$/);
    }
  });

  test("others are answered without a word of it", async () => {
    const server = await start();
    const origins = [server.url, "https://other.example", undefined];
    for (const origin of origins) {
      const headers: Record<string, string> = { ...json, ...(origin && { origin }) };
      const answer = await ask(server, "POST", check, headers, "{}");
      expect(answer.status).toBe(200);
      expect(corsOf(answer)).toEqual({});
      expect(answer.headers.get("vary")).toBe("Origin");
    }
  });

  test("what is not to be called has none", async () => {
    const server = await start();
    for (const path of ["/", "/livez", "/nothing", "/subscribe"]) {
      expect(corsOf(await ask(server, "GET", path, { origin: app }))).toEqual({});
      const answer = await ask(server, "OPTIONS", path, preflight(app));
      expect(answer.status).toBeGreaterThanOrEqual(404);
      expect(corsOf(answer)).toEqual({});
    }
  });

  test("without a list there is none at all", async () => {
    const server = await startChatter();
    const asked = await ask(server, "OPTIONS", `${rpc}Login`, preflight(app));
    expect(asked.status).toBe(405);
    const answer = await ask(server, "POST", check, { ...json, origin: app }, "{}");
    expect([answer.status, corsOf(answer), answer.headers.get("vary")]).toEqual([200, {}, null]);
    expect(corsOf(asked)).toEqual({});
  });
});

test("credentials of the browser are never allowed, nor any origin", async () => {
  const server = await startChatter({ allowedOrigins: [app] });
  const answer = await overHttp1(server, "OPTIONS", `${rpc}Login`, preflight(app));
  expect(answer.headers.has("access-control-allow-credentials")).toBe(false);
  await expect(startChatter({ allowedOrigins: ["*"] })).rejects.toThrow(TypeError);
});
