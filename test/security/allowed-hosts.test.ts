import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client, credentials } from "@grpc/grpc-js";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createMetrics } from "../../src/server/metrics/metrics.js";
import { defaultHosts } from "../../src/server/net/allowed-hosts.js";
import { checkSettings } from "../../src/server/settings/settings.js";
import { createAuthority } from "../support/certificates.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { answerOf, connectHttp2, envelope, post } from "../support/raw-http2.js";
import { runServe } from "../support/run-serve.js";
import { startServe } from "../support/serve.js";
import { until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { sendRaw, statusOf } from "./raw-http.js";

const login = "/chatter.v1.ChatterService/Login";
const flag = /--allowed-hosts \(CHATTER_ALLOWED_HOSTS\)/;

/** What a browser sends if the name of the page's host points to this machine. */
const rebound = ["evil.example", "evil.example:8080", "EVIL.example."];
/** Looks like this machine, and is not. */
const lookalikes = [
  "localhost.evil.example",
  "127.0.0.1.evil.example",
  "evil-localhost",
  "evil@localhost",
  "localhost@evil.example",
  "localhost:80:80",
  "localhost/",
  "128.0.0.1",
  "0.0.0.0",
  "[::2]",
  "[::ffff:192.0.2.1]",
  "::1",
  "local host",
  "",
];
const loopback = [
  "localhost",
  "LocalHost:1",
  "localhost.",
  "chatter.localhost:8080",
  "127.0.0.1",
  "127.8.9.10:65535",
  "[::1]",
  "[0:0:0:0:0:0:0:1]:99",
];

async function statusFor(url: string, host: string, path = "/livez"): Promise<number | undefined> {
  const head = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  return statusOf(await sendRaw(url, head));
}

test("chatter serve on a loopback address without TLS answers for loopback names alone", async () => {
  const { url } = await startServe(["--demo", "--log", "memory", "--data-dir", tempDir()]);
  for (const path of ["/", "/livez", "/metrics"]) {
    expect(await statusFor(url, "evil.example", path), path).toBe(421);
    expect(await statusFor(url, "localhost", path), path).toBe(200);
  }
});

describe("what answers for loopback names alone does so", () => {
  let server: TestServer;
  beforeEach(async () => {
    const allowedHosts = defaultHosts("127.0.0.1")!;
    server = await startChatter({ allowedHosts, metrics: createMetrics() });
  });

  test("over HTTP/1.1, at every path", async () => {
    for (const path of ["/", "/livez", "/metrics", "/.well-known/jwks.json", "/nothing"]) {
      for (const host of rebound) {
        const answer = await sendRaw(
          server.url,
          `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
        );
        expect(statusOf(answer), `${path} of ${host}`).toBe(421);
        expect(answer).toMatch(flag);
        expect(answer).toContain(host);
      }
    }
    for (const host of lookalikes) {
      expect([400, 421], host).toContain(await statusFor(server.url, host));
    }
    for (const host of loopback) {
      expect(await statusFor(server.url, host), host).toBe(200);
    }
    expect(statusOf(await sendRaw(server.url, "GET /livez HTTP/1.0\r\n\r\n"))).toBe(200);
    expect(statusOf(await sendRaw(server.url, "GET /livez HTTP/1.1\r\n\r\n"))).toBe(400);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toMatch(/chatter_refused_total\{limit="allowed_hosts"\} [1-9]/);
  });

  test("in a target that is a whole URL", async () => {
    const get = (target: string, host: string) => statusFor(server.url, host, target);
    expect(await get("http://evil.example/livez", "localhost")).toBe(421);
    expect(await get("HTTP://evil.example", "localhost")).toBe(421);
    expect(await get("http://localhost/livez", "evil.example")).toBe(421);
    expect(await get("http://localhost:8080/livez?x", "localhost:8080")).toBe(200);
  });

  test("over HTTP/2, by :authority and by host", async () => {
    const session = await connectHttp2(server.url);
    const get = async (headers: Record<string, string>) => {
      const { headers: head, body } = await answerOf(
        session.request({ ":path": "/livez", ...headers }),
      );
      return [head[":status"], body.toString()];
    };
    expect(await get({ ":authority": "evil.example" })).toEqual([421, expect.stringMatching(flag)]);
    expect(await get({ ":authority": "localhost", host: "evil.example" })).toEqual([
      421,
      expect.stringMatching(flag),
    ]);
    for (const host of loopback) {
      expect(await get({ ":authority": host }), host).toEqual([200, "ok\n"]);
    }
  });

  test("for WebSockets", async () => {
    const upgrade = (host: string) =>
      sendRaw(
        server.url,
        `GET /subscribe HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\n` +
          "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
          `Sec-WebSocket-Key: ${"A".repeat(22)}==\r\n\r\n`,
      );
    const refused = await upgrade("evil.example");
    expect(statusOf(refused)).toBe(421);
    expect(refused).toMatch(flag);
    expect(statusOf(await upgrade("localhost"))).not.toBe(421);
  });

  test("for calls, in the words of their protocol", async () => {
    const headers = { "content-type": "application/json" };
    const json = await sendRaw(
      server.url,
      `POST ${login} HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\n` +
        "Content-Length: 2\r\nConnection: close\r\n\r\n{}",
    );
    expect(statusOf(json)).toBe(421);
    const { code, message } = JSON.parse(json.split("\r\n\r\n")[1]!);
    expect([code, message]).toEqual(["unavailable", expect.stringMatching(flag)]);

    const session = await connectHttp2(server.url);
    const stream = post(session, login, { ...headers, ":authority": "evil.example" });
    stream.end("{}");
    expect((await answerOf(stream)).headers[":status"]).toBe(421);

    for (const type of ["application/grpc", "application/grpc-web+proto"]) {
      const call = post(session, login, { "content-type": type, ":authority": "evil.example" });
      call.end(envelope(""));
      const { headers } = await answerOf(call);
      expect(headers).toMatchObject({ ":status": 200, "content-type": type, "grpc-status": "14" });
      expect(decodeURIComponent(String(headers["grpc-message"]))).toMatch(flag);
    }

    const grpc = new Client(new URL(server.url).host, credentials.createInsecure(), {
      "grpc.default_authority": "evil.example",
    });
    onTestFinished(() => grpc.close());
    const failure = await new Promise<{ code?: number; details?: string }>((resolve) => {
      const bytes = (message: Buffer) => message;
      grpc.makeUnaryRequest(login, bytes, bytes, Buffer.alloc(0), (error) => resolve(error!));
    });
    expect(failure).toMatchObject({ code: 14, details: expect.stringMatching(flag) });
  });

  test("and what it quotes is harmless and short", async () => {
    const head = Buffer.from(
      `GET / HTTP/1.1\r\nHost: "\u009b${"x".repeat(3000)}\r\n\r\n`,
      "latin1",
    );
    const answer = await sendRaw(server.url, head);
    expect(statusOf(answer)).toBe(421);
    expect(answer).not.toContain("\u009b");
    expect(answer).toContain("\\u009bxxx");
    expect(answer.length).toBeLessThan(800);
  });
});

test("--allowed-hosts names the hosts that are answered, and no others are", async () => {
  const allowedHosts = ["chatter.example", "*.apps.example", "192.0.2.1", "[2001:db8::1]"];
  const { url } = await startChatter({ allowedHosts: [...allowedHosts, "10.0.0.0/8"] });
  for (const host of [
    "chatter.example",
    "CHATTER.example:443",
    "a.apps.example",
    "a.b.apps.example:1",
    "192.0.2.1:80",
    "[2001:DB8:0::1]",
    "10.1.2.3",
  ]) {
    expect(await statusFor(url, host), host).toBe(200);
  }
  for (const host of [
    "apps.example",
    "evilapps.example",
    "xchatter.example",
    "chatter.example.evil",
    "localhost",
    "127.0.0.1",
    "192.0.2.2",
    "11.0.0.1",
    "*.apps.example",
  ]) {
    expect(await statusFor(url, host), host).toBe(421);
  }
});

test("* is every host, and so is the default for a server that is mounted", async () => {
  for (const options of [{ allowedHosts: ["chatter.example", "*"] }, {}]) {
    const { url } = await startChatter(options);
    expect(await statusFor(url, "evil.example")).toBe(200);
    expect(await statusFor(url, "any thing")).toBe(200);
  }
});

test("with TLS, and on an address that is not loopback, every host is answered", () => {
  const given = { demo: true };
  expect(checkSettings(given).listen.answeredHosts).toContain("localhost");
  expect(checkSettings({ ...given, host: "::1" }).listen.answeredHosts).toContain("localhost");
  const tls = { tlsCert: "c.pem", tlsKey: "k.pem" };
  expect(checkSettings({ ...given, ...tls }).listen.answeredHosts).toBeUndefined();
  const usersFile = "users.json";
  for (const host of ["0.0.0.0", "::", "192.0.2.1"]) {
    const settings = checkSettings({ host, usersFile }, "k".repeat(32));
    expect(settings.listen.answeredHosts, host).toBeUndefined();
  }
  const named = checkSettings({ ...given, ...tls, allowedHosts: "chatter.example, localhost" });
  expect(named.listen.answeredHosts).toEqual(["chatter.example", "localhost"]);
});

test("a server with TLS on a loopback address answers for the names that proxies use", async () => {
  const dir = tempDir();
  const { cert, key } = createAuthority().issue();
  writeFileSync(join(dir, "cert.pem"), cert);
  writeFileSync(join(dir, "key.pem"), key, { mode: 0o600 });
  const server = await startServe([
    ...["--demo", "--log", "memory", "--data-dir", dir],
    ...["--tls-cert", join(dir, "cert.pem"), "--tls-key", join(dir, "key.pem")],
  ]);
  const session = await connectHttp2(server.url, { rejectUnauthorized: false });
  const { headers } = await answerOf(
    session.request({ ":path": "/livez", ":authority": "chatter.example" }),
  );
  expect(headers[":status"]).toBe(200);
});

test("metrics on an address of their own keep to the same", async () => {
  const start = async (...more: string[]) => {
    const server = await startServe([
      ...["--demo", "--log", "memory", "--data-dir", tempDir()],
      ...["--metrics-address", "127.0.0.1:0", ...more],
    ]);
    await until(() => server.errors().includes("metrics are served"), "the line");
    const { url } = JSON.parse(server.errors().split("\n")[0]!);
    return (host: string) =>
      sendRaw(url, `GET /metrics HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  };
  const asDefault = await start();
  expect(statusOf(await asDefault("localhost:9090"))).toBe(200);
  const refused = await asDefault("evil.example");
  expect([statusOf(refused), flag.test(refused)]).toEqual([421, true]);
  const named = await start("--allowed-hosts", "metrics.example");
  expect(statusOf(await named("metrics.example:9090"))).toBe(200);
  expect(statusOf(await named("localhost"))).toBe(421);
});

test("a host that cannot be one is refused at the start", async () => {
  for (const wrong of [
    "https://chatter.example",
    "chatter.example:8080",
    "a,",
    "*.*.example",
    "10.0.0.0/33",
    "a b",
    "*.10.0.0.1",
  ]) {
    expect(() => checkSettings({ demo: true, allowedHosts: wrong }), wrong).toThrow(
      /^--allowed-hosts \(CHATTER_ALLOWED_HOSTS\) is ".*": it must be hosts without ports, such as chatter\.example/,
    );
  }
  const { status, errors } = await runServe(["--demo"], { CHATTER_ALLOWED_HOSTS: "a:1" });
  expect([status, errors]).toEqual([2, expect.stringContaining("CHATTER_ALLOWED_HOSTS")]);
  await expect(startChatter({ allowedHosts: ["http://x"] })).rejects.toThrow(TypeError);
});
