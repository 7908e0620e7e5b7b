import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";

const service = "/chatter.v1.ChatterService";

test("a bidirectional call over HTTP/1.1 gets an error that says what it needs", async () => {
  const { url, headers } = await startChatter();
  const response = await fetch(`${url}${service}/Echoer`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/connect+json" },
    body: "",
  });
  expect(response.status).toBe(505);
  expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(await response.text()).toMatch(/^Echoer is bidirectional and needs HTTP\/2/);
});

test.each([
  ["Login", /use application\/json, application\/proto, application\/grpc/],
  ["History", /use application\/connect\+json, application\/connect\+proto, application\/grpc/],
])(
  "a content type that %s does not take gets an error that names those it does",
  async (method, text) => {
    const { url, headers } = await startChatter();
    const response = await fetch(`${url}${service}/${method}`, {
      method: "POST",
      headers: { ...headers, "content-type": "text/yaml" },
      body: "{}",
    });
    expect(response.status).toBe(415);
    expect(await response.text()).toMatch(text);
  },
);

test.each([
  ["a field", { user: "goa", password: "rocks", pasword: "x" }],
  ["a field called __proto__", JSON.parse('{"user":"goa","password":"rocks","__proto__":{}}')],
])("%s that the schema does not have is invalid_argument in JSON", async (_, body) => {
  const { url } = await startChatter();
  const response = await fetch(`${url}${service}/Login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ code: "invalid_argument" });
});

/** Calls a stream with one enveloped message and gives the whole answer as text. */
async function callStream(method: string, type: string, message: Uint8Array) {
  const server = await startChatter();
  const response = await fetch(`${server.url}${service}/${method}`, {
    method: "POST",
    headers: { ...server.headers, "content-type": `application/connect+${type}` },
    body: Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]),
  });
  return { log: server.log, text: await response.text() };
}

test.each([
  ["JSON", "json", Buffer.from('{"message":"a\xffb"}', "latin1")],
  ["a binary message", "proto", Buffer.from([0x0a, 3, 0x61, 0xff, 0x62])],
  ["a binary message that is cut", "proto", Buffer.from([0x0a, 3, 0x61])],
])(
  "%s that is not UTF-8, or no message at all, is invalid_argument and not stored",
  async (_, type, message) => {
    const { log, text } = await callStream("Summary", type, message);
    expect(text).toMatch(/"code":"invalid_argument"/);
    expect(log.head).toBe(0);
  },
);

test.each([
  ["JSON", "json", Buffer.from('{"message":"\ufefftext"}')],
  ["binary", "proto", Buffer.from("\n\u0007\ufefftext")],
])("a byte order mark at the start of a text is kept, in %s", async (_, type, message) => {
  const { text } = await callStream("Summary", type, message);
  expect(text).toContain("\ufefftext");
});

test("a view whose name is none is invalid_argument in JSON, not the whole log", async () => {
  const { url, headers, log } = await startChatter();
  await log.append([{ text: "kept from sight", sender: "goa", messageId: "" }]);
  const message = Buffer.from('{"view":"VIEW_X"}');
  const body = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
  const response = await fetch(`${url}${service}/History`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/connect+json" },
    body,
  });
  const text = await response.text();
  expect(text).toMatch(/"code":"invalid_argument"/);
  expect(text).toContain("VIEW_X");
  expect(text).not.toContain("kept from sight");
});

test("a deadline beyond what a timer can wait is taken, and does not pass at once", async () => {
  const { url, headers } = await startChatter();
  const response = await fetch(`${url}/grpc.health.v1.Health/Check`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json", "connect-timeout-ms": "2147483648" },
    body: "{}",
  });
  expect(await response.json()).toEqual({ status: "SERVING" });
});
