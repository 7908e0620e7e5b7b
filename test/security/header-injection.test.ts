import { createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { startChatter } from "../support/chatter-server.js";
import { answerOf, connectHttp2 } from "../support/raw-http2.js";
import { errorOf } from "../support/streams.js";
import { transportOf, wires, withToken } from "../support/wires.js";
import { sendRaw, statusOf } from "./raw-http.js";

/** What an attacker would like a header of the answer to say. */
const injected = "x-injected";
const breaks = ["\r\n", "\n", "\r", "\r\n ", "\u0000"];

/** The head of an answer, its lines in lower case. */
function headOf(answer: string): string[] {
  return answer
    .split("\r\n\r\n", 1)[0]!
    .toLowerCase()
    .split(/\r\n|\r|\n/);
}

function expectNothingInjected(answer: string): void {
  for (const line of headOf(answer)) {
    expect(line).not.toMatch(new RegExp(`^\\s*${injected}`));
  }
  // Nor a second answer in the body of the first.
  expect(answer.match(/^HTTP\/1\.1 /gm) ?? []).toHaveLength(answer === "" ? 0 : 1);
}

describe("a line break in what a client sends is no line of an answer", () => {
  test.each([
    "x-request-id",
    "origin",
    "authorization",
    "user-agent",
    "x-forwarded-for",
    "connect-timeout-ms",
    "access-control-request-headers",
    "sec-websocket-protocol",
  ])("in the header %s", async (name) => {
    const { url } = await startChatter();
    for (const end of breaks) {
      for (const [method, path] of [
        ["GET", "/livez"],
        ["OPTIONS", "/chatter.v1.ChatterService/Login"],
        ["POST", "/login"],
      ]) {
        const answer = await sendRaw(
          url,
          `${method} ${path} HTTP/1.1\r\nHost: chatter\r\nConnection: close\r\n` +
            `Access-Control-Request-Method: POST\r\n${name}: a${end}${injected}: b\r\n` +
            "content-length: 0\r\n\r\n",
        );
        expectNothingInjected(answer);
      }
    }
  });

  test("in the path, and in the method", async () => {
    const { url } = await startChatter();
    for (const path of [
      `/x%0d%0a${injected}:%20b`,
      `/x%0a${injected}:b`,
      `/\u0085${injected}: b`,
    ]) {
      const bytes = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n`);
      expectNothingInjected(await sendRaw(url, bytes));
    }
    const method = `GET${"\n"}${injected}: b / HTTP/1.1\r\nHost: c\r\n\r\n`;
    expect(statusOf(await sendRaw(url, method))).toBe(400);
  });

  test("in the query and the headers of an upgrade", async () => {
    const { url, token } = await startChatter();
    const upgrade = (path: string, more = "") =>
      sendRaw(
        url,
        `GET ${path} HTTP/1.1\r\nHost: chatter\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" +
          `Authorization: Bearer ${token}\r\n${more}\r\n`,
      );
    expect(statusOf(await upgrade("/history?view=tiny"))).toBe(101);
    for (const end of breaks.map(encodeURIComponent)) {
      for (const name of ["view", "after", "limit", "last"]) {
        const value = `${name === "view" ? "tiny" : "1"}${end}${injected}:%20b`;
        expectNothingInjected(await upgrade(`/history?${name}=${value}`));
      }
    }
    for (const end of breaks) {
      for (const name of ["x-request-id", "origin", "sec-websocket-protocol"]) {
        expectNothingInjected(await upgrade("/history", `${name}: a${end}${injected}: b\r\n`));
      }
    }
  });

  test("in the headers of HTTP/2", async () => {
    const { url } = await startChatter();
    const session = await connectHttp2(url);
    for (const end of ["\r\n", "\n", "\u0000"]) {
      for (const name of ["x-request-id", "origin", "authorization"]) {
        const headers = { [name]: `a${end}${injected}: b` };
        const stream = session.request({ ":method": "POST", ":path": "/login", ...headers });
        stream.end();
        const answer = await answerOf(stream).catch(() => undefined); // Or it is reset.
        expect(answer?.headers ?? {}).not.toHaveProperty(injected);
        expect(JSON.stringify(answer?.headers ?? {})).not.toContain(injected);
      }
    }
  });

  test.each(wires)("in what an error quotes, over $name", async (wire) => {
    const server = await startChatter();
    const headers: string[] = [];
    const client = createClient(
      ChatterService,
      transportOf(wire, server.url, [withToken(server.token)]),
    );
    const nasty = `a\r\n${injected}: b\n\n<script>`;
    const posts = async function* () {
      yield { message: "one", messageId: nasty };
      yield { message: "another", messageId: nasty };
    };
    const login = await errorOf(client.login({ user: nasty, password: nasty }));
    const posting = await errorOf(client.listener(posts()));
    const reading = await errorOf(client.history({ after: nasty }));
    for (const error of [login, posting, reading]) {
      headers.push(...error.metadata.keys());
      expect(error.metadata.get(injected)).toBeNull();
    }
    // The whole text has come through, as text.
    expect(posting.rawMessage).toContain(JSON.stringify(nasty));
    expect(headers).not.toContain(injected);
  });
});

test("a name that is shown is none with a line break: neither of an account nor in a token", async () => {
  const server = await startChatter();
  const subject = `goa\r\n${injected}: b`;
  const refused = await errorOf(server.tokens.issue({ subject, scopes: ["stream:read"] }));
  expect(refused.rawMessage).toContain("has a control character");
});

test("a 404 that shows the path is plain text for every browser", async () => {
  const { url } = await startChatter();
  const response = await fetch(`${url}/<script>alert(1)</script>`);
  expect(response.status).toBe(404);
  expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
});
