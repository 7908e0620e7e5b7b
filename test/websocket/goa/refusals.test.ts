import { describe, expect, test } from "vitest";
import type { ChatterOptions } from "../../../src/server/chatter-options.js";
import { startChatter } from "../../support/chatter-server.js";
import { fill } from "../../support/fill.js";
import { RawSocket } from "../../support/websocket-raw.js";
import { answerOf, refused } from "./client.js";

const paths = ["/listener", "/summary", "/subscribe", "/history", "/echoer"];

/** A server that counts which methods are entered, and keeps its log lines. */
async function startCounting(options: Partial<ChatterOptions> = {}) {
  const entered: string[] = [];
  const lines: unknown[] = [];
  const server = await startChatter({
    ...options,
    interceptors: [
      (next) => (request) => {
        entered.push(request.method.name);
        return next(request);
      },
    ],
    logger: {
      info: (...line) => lines.push(line),
      error: (...line) => lines.push(line),
    },
  });
  return { ...server, entered, log: server.log, lines: () => JSON.stringify(lines) };
}

describe.each(paths)("an upgrade at %s is an HTTP status, and no method is entered", (path) => {
  test("without a token: 400, missing_field; one in the query is none", async () => {
    const server = await startCounting();
    for (const query of ["", `?token=${server.token}`, `?Authorization=Bearer%20${server.token}`]) {
      const answer = await refused(server, path + query);
      expect(answer.status).toBe(400);
      expect(answer.headers["content-type"]).toBe("application/json");
      expect(JSON.parse(answer.body)).toEqual({
        name: "missing_field",
        id: expect.stringMatching(/^[\w-]{8}$/),
        message: '"token" is missing from header',
        temporary: false,
        timeout: false,
        fault: false,
      });
    }
    expect(server.entered).toEqual([]);
    expect(server.lines()).not.toContain(server.token);
  });

  test("with a bad token: 401, unauthorized, and the token is not shown", async () => {
    const server = await startCounting();
    const wrong = ["Bearer sesame", "sesame", `${server.token}sesame`, "Basic sesame", "Bearer"];
    for (const authorization of wrong) {
      const answer = await refused(server, path, { authorization });
      expect(answer.status).toBe(401);
      expect(answer.headers).toMatchObject({
        "goa-error": "unauthorized",
        "content-type": "application/json",
      });
      expect(answer.body).toBe('"invalid token"\n');
      expect(JSON.stringify(answer)).not.toContain("sesame");
    }
    expect(server.entered).toEqual([]);
    expect(server.lines()).not.toContain("sesame");
  });

  test("with a token that lacks the scope: 403, invalid-scopes", async () => {
    const server = await startCounting();
    const scopes = path === "/subscribe" || path === "/history" ? [] : ["stream:read"];
    const { token } = await server.tokens.issue({ subject: "goa", scopes });
    const answer = await refused(server, path, { authorization: `Bearer ${token}` });
    expect(answer.status).toBe(403);
    expect(answer.headers["goa-error"]).toBe("invalid-scopes");
    expect(JSON.parse(answer.body)).toBe("invalid scopes in token");
    expect(server.entered).toEqual([]);
  });

  test("without an upgrade: 426; with another verb: 405", async () => {
    const server = await startCounting();
    const headers = { authorization: server.token };
    expect(await answerOf(server, `${path}?view=tiny`, "GET", headers)).toMatchObject({
      status: 426,
      headers: { upgrade: "websocket" },
    });
    const allow = { status: 405, headers: { allow: "GET" } };
    expect(await answerOf(server, path, "HEAD", headers)).toMatchObject({ ...allow, body: "" });
    for (const verb of ["POST", "PUT", "DELETE"]) {
      expect(await answerOf(server, path, verb, headers)).toMatchObject(allow);
      expect(await refused(server, path, headers, verb)).toMatchObject(allow);
    }
    expect(server.entered).toEqual([]);
  });

  test("with a subprotocol: 400, and a token among them is not shown", async () => {
    const server = await startCounting();
    const answer = await refused(server, path, {
      authorization: server.token,
      "sec-websocket-protocol": "sesame, connect-tunnel.v1",
    });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer)).not.toContain("sesame");
    expect(server.entered).toEqual([]);
  });
});

describe("an origin", () => {
  const origins = ["https://app.example"];

  test("that is foreign is 403, before anything else", async () => {
    const server = await startCounting({ allowedOrigins: origins });
    for (const path of [...paths, "/login", "/nowhere"]) {
      for (const origin of ["https://evil.example", "null", "http://app.example"]) {
        expect(await refused(server, path, { origin })).toMatchObject({ status: 403 });
      }
    }
    expect(server.entered).toEqual([]);
  });

  test("that is the server's own, or one of the list, or none, is allowed", async () => {
    const server = await startCounting({ allowedOrigins: origins });
    const { port } = new URL(server.url);
    for (const origin of [undefined, "https://app.example", server.url]) {
      const raw = new RawSocket(Number(port), {
        path: "/history",
        headers: { Authorization: server.token, Origin: origin },
      });
      await raw.closed();
      expect(raw).toMatchObject({ status: 101, closeCode: 1000 });
    }
  });
});

describe("/history and /subscribe", () => {
  test.each([
    ["/history?view=huge", /"huge".*"default".*"tiny"/],
    ["/history?view=", /"default".*"tiny"/],
    ["/history?view=toString", /"default".*"tiny"/],
    ["/history?limit=-1", /limit.*"-1"/],
    ["/history?limit=many", /limit.*"many"/],
    ["/history?last=1.5", /last.*"1.5"/],
    ["/history?after=nonsense", /"after" is not a cursor/],
    ["/subscribe?after=nonsense", /"after" is not a cursor/],
  ])("%s is 400 before the upgrade, and says what is right", async (path, message) => {
    const server = await startChatter();
    const answer = await refused(server, path, { authorization: server.token });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({
      name: "invalid_argument",
      message: expect.stringMatching(message),
      fault: false,
    });
  });

  test("a cursor of another log, or beyond the head, is 400, out_of_range", async () => {
    const server = await startChatter();
    await fill(server.log, ["a"]);
    for (const cursor of ["AAAAAAAAAAAAAAAB", `${server.log.identity}AAAAAAAC`]) {
      for (const path of ["/history", "/subscribe"]) {
        const answer = await refused(server, `${path}?after=${cursor}`, {
          authorization: server.token,
        });
        expect(answer.status).toBe(400);
        expect(JSON.parse(answer.body)).toMatchObject({ name: "out_of_range", fault: false });
      }
    }
  });
});

test("an upgrade to /login is 405, to an unknown path 404", async () => {
  const server = await startChatter();
  const headers = { authorization: server.token };
  expect(await refused(server, "/login", headers)).toMatchObject({
    status: 405,
    headers: { allow: "POST" },
  });
  for (const path of ["/nowhere", "/subscribe/", "/Subscribe"]) {
    expect(await refused(server, path, headers)).toMatchObject({ status: 404 });
    expect(await answerOf(server, path, "GET", headers)).toMatchObject({ status: 404 });
  }
});

test("what is not a handshake is 400", async () => {
  const server = await startChatter();
  const faults: Record<string, string>[] = [
    { "sec-websocket-version": "8" },
    { "sec-websocket-key": "short" },
  ];
  for (const fault of faults) {
    const answer = await refused(server, "/history", { authorization: server.token, ...fault });
    expect(answer).toMatchObject({ status: 400, headers: { "sec-websocket-version": "13" } });
  }
});
