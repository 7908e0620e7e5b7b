import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { parseKeySet } from "../../src/server/auth/keys/key-set-format.js";
import { parseRevocations } from "../../src/server/auth/revocations/revocations-format.js";
import { claimedIssuer } from "../../src/server/auth/token-form.js";
import { readUsersFile } from "../../src/server/auth/users/users-file.js";
import { forge, honest } from "../auth/forged-token.js";
import { startChatter } from "../support/chatter-server.js";
import { runHere } from "../support/cli-here.js";
import { makeLog } from "../support/log-copies.js";
import { answerOf, connectHttp2, envelope, post } from "../support/raw-http2.js";
import { tempDir } from "../support/temp-dir.js";
import { binary, openRaw, text } from "../support/websocket-raw.js";
import { openGoa } from "../websocket/goa/client.js";

const poison = '"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}';

afterEach(() => {
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  expect(([] as unknown as Record<string, unknown>).polluted).toBeUndefined();
});

describe("JSON that would change what all objects inherit changes nothing", () => {
  test("in a Connect call", async () => {
    const { url } = await startChatter();
    for (const [path, body] of [
      ["/chatter.v1.ChatterService/Login", `{"user":"goa","password":"rocks",${poison}}`],
      ["/chatter.v1.ChatterService/Login", `{"user":{${poison}},"password":"rocks"}`],
      ["/grpc.health.v1.Health/Check", `{${poison}}`],
    ] as const) {
      const response = await fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
      expect([200, 400]).toContain(response.status);
    }
  });

  test("in the messages of a Connect stream", async () => {
    const server = await startChatter();
    const session = await connectHttp2(server.url);
    const stream = post(session, "/chatter.v1.ChatterService/Listener", {
      "content-type": "application/connect+json",
      ...server.headers,
    });
    stream.end(envelope(`{"message":"hello",${poison}}`));
    const { headers, body } = await answerOf(stream);
    expect(headers[":status"]).toBe(200);
    expect(body.toString()).toContain("{");
  });

  test("in the head of a tunnelled call, and in its messages", async () => {
    const server = await startChatter();
    const port = Number(new URL(server.url).port);
    const headers = `"content-type":["application/connect+json"],"authorization":["Bearer ${server.token}"]`;
    for (const head of [
      `{"headers":{${headers},"__proto__":["polluted"],"constructor":["polluted"]}}`,
      `{"headers":{${headers}},${poison}}`,
      `{"headers":{${headers},${poison}}}`,
    ]) {
      const raw = await openRaw(port, "Echoer").opened();
      raw.write(text(head), binary(envelope(`{"message":"hello",${poison}}`)), text("null"));
      await raw.closed();
      expect(raw.status).toBe(101);
    }
  });

  test("on a WebSocket of goa's dialect, and in its query", async () => {
    const server = await startChatter();
    const socket = await openGoa(server, "/echoer?__proto__=1&constructor=2&__proto__[polluted]=1");
    socket.ws.send(`{${poison}}`);
    expect((await socket.closed()).code).toBe(4003);
  });

  test("in a token's header and claims", async () => {
    const { url } = await startChatter();
    const token = forge({
      header: JSON.parse(`{"alg":"HS256",${poison}}`),
      claims: { ...honest().claims, ...JSON.parse(`{${poison}}`) },
    });
    const response = await fetch(`${url}/chatter.v1.ChatterService/History`, {
      method: "POST",
      headers: { "content-type": "application/connect+json", authorization: `Bearer ${token}` },
      body: new Uint8Array(envelope("{}")),
    });
    expect(await response.text()).toContain("unauthenticated");
  });

  test("in the claims of a token that may be an outside issuer's", () => {
    const claims = Buffer.from(`{"iss":"somebody",${poison}}`).toString("base64url");
    expect(claimedIssuer(`e30.${claims}.e30`)).toBe("somebody");
  });

  test("in files of keys and revocations", () => {
    for (const content of [`{"keys":[],${poison}}`, `{"keys":[{${poison}}]}`, `{${poison}}`]) {
      expect(() => parseKeySet(content, "keys.json")).toThrow("keys.json");
    }
    for (const content of [`{"tokens":[{${poison}}],"users":[{${poison}}]}`, `{${poison}}`]) {
      expect(() => parseRevocations(content, "revocations.json")).toThrow("revocations.json");
    }
  });

  test("in a users file", async () => {
    const path = join(tempDir(), "users.json");
    for (const content of [
      `{"users":[],${poison}}`,
      `{"users":[{${poison}}]}`,
      `{"users":{${poison}}}`,
      `[{${poison}}]`,
    ]) {
      writeFileSync(path, content, { mode: 0o600 });
      await readUsersFile(path).catch((error) => expect(error).toBeInstanceOf(Error));
    }
  });

  test("in an export that is imported", async () => {
    const dir = await makeLog(250);
    const { stdout } = await runHere(["log", "export", "--data-dir", dir]);
    const input = stdout.replace('{"chatter_export":1,', `{"chatter_export":1,${poison},`);
    expect(input).not.toBe(stdout);
    await runHere(["log", "import", "--data-dir", tempDir()], { input });
  });
});

test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
  "%s is a name like any other, which nobody has",
  async (name) => {
    const { url } = await startChatter();
    const response = await fetch(`${url}/chatter.v1.ChatterService/Login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user: name, password: "rocks" }),
    });
    expect(await response.json()).toMatchObject({ code: "unauthenticated" });
    expect((await fetch(`${url}/${name}`)).status).toBe(404);
  },
);
