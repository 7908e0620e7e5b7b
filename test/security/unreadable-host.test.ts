import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { sendRaw, statusOf } from "./raw-http.js";

const login = "/chatter.v1.ChatterService/Login";
const body = JSON.stringify({ user: "goa", password: "rocks" });

const requestOf = (target: string, version: string, host?: string) =>
  [
    `POST ${target} HTTP/${version}`,
    ...(host === undefined ? [] : [`Host: ${host}`]),
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    "Connection: close",
    "",
    body,
  ].join("\r\n");

test.each([
  ["no host, which HTTP/1.0 need not name", requestOf(login, "1.0")],
  ["an empty host", requestOf(login, "1.1", "")],
  ["a host without the brackets of IPv6", requestOf(login, "1.1", "::1:8080")],
  ["an invalid host", requestOf(login, "1.1", "a b[")],
  ["a whole URL with an invalid host", requestOf(`http://a[b${login}`, "1.1", "localhost")],
])("a call that names %s is answered, and has its line", async (_name, request) => {
  const lines: { fields: object; message: string }[] = [];
  const write = (fields: object, message: string) => void lines.push({ fields, message });
  const { url } = await startChatter({ logger: { info: write, error: write } });
  const answer = await sendRaw(url, request);
  expect(statusOf(answer)).toBe(200);
  expect(lines).toMatchObject([{ message: "call", fields: { code: "ok" } }]);
});
