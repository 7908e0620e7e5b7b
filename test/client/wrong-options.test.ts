import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import type { ChatterClientOptions } from "../../src/client/chatter-client.js";
import { createChatterClient } from "../../src/client/node.js";
import { errorOf } from "../support/streams.js";
import { clientFor, connected } from "./support/connected.js";
import { demo, wireNames } from "./support/wires.js";

const url = "http://localhost:8080";

test.each([
  ["no URL", { auth: demo }, /"url" is missing/],
  ["an empty URL", { url: "", auth: demo }, /"url" .* http:\/\/localhost:8080/],
  ["a URL without a scheme", { url: "localhost:8080", auth: demo }, /"url" .* http:/],
  ["a URL of WebSockets", { url: "ws://localhost", auth: demo }, /"url" .* http:/],
  ["a URL with a query", { url: `${url}/?a=1`, auth: demo }, /"url" .* query/],
  ["a URL with a fragment", { url: `${url}/#a`, auth: demo }, /"url" .* query/],
  ["a URL with a password", { url: "http://goa:rocks@localhost", auth: demo }, /"auth"/],
  ["no auth", { url }, /"auth" must be/],
  ["a bare token", { url, auth: "token" }, /"auth" must be/],
  ["an empty auth", { url, auth: {} }, /"auth" must be/],
  ["a user alone", { url, auth: { user: "goa" } }, /"auth" must be/],
  ["a token that is not a text", { url, auth: { token: undefined } }, /"auth" must be/],
  ["an invalid transport", { url, auth: demo, transport: "http" }, /"transport"/],
  ["a transport of nothing", { url, auth: demo, transport: null }, /"transport"/],
  ["an object that is not a transport", { auth: demo, transport: {} }, /"transport"/],
])("%s is refused at once", (_, options, message) => {
  const make = () => createChatterClient(options as unknown as ChatterClientOptions);
  expect(make).toThrow(TypeError);
  expect(make).toThrow(message);
  expect(make).not.toThrow(/rocks/);
});

test.each(wireNames)(
  "over %s a token that no header can carry is final, and in no error",
  async (transport) => {
    const { proxy } = await connected();
    for (const token of ["", "sec\nret", "sec ret", "sécret", "secr…t"]) {
      for (const auth of [{ token }, async () => token]) {
        const client = clientFor({ url: proxy.url, auth, transport });
        const error = await errorOf(client.subscribe());
        expect(error.code).toBe(Code.Unauthenticated);
        expect(error.rawMessage).toMatch(/^the token /);
        expect(error.message).not.toMatch(/s.cr/);
        expect((await errorOf(client.client.history({}))).code).toBe(Code.Unauthenticated);
      }
    }
    expect(proxy.connections).toBe(0);
  },
);

test("an auth function that returns no text is an error that says so", async () => {
  const auth = (() => ({ token: "t" })) as unknown as () => string;
  const client = clientFor({ url: "http://127.0.0.1:1", auth });
  const error = await errorOf(client.subscribe());
  expect(error.code).toBe(Code.Unauthenticated);
  expect(error.rawMessage).toMatch(/object/);
});

test("a post that is not a text fails alone", async () => {
  const { client } = await connected();
  const publisher = client.publisher();
  for (const post of [undefined, 5, new Uint8Array(3)]) {
    const error = await errorOf(publisher.post(post as unknown as string));
    expect(error.code).toBe(Code.InvalidArgument);
  }
  expect((await publisher.post("text")).sequence).toBe(1n);
});

test("times that no timer can hold are long, not short", async () => {
  const { client, server } = await connected();
  const publisher = client.publisher({ answerMs: Number.POSITIVE_INFINITY, resendMs: 1e12 });
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  try {
    await publisher.post("a");
    await client.publisher({ answerMs: 1e12 }).post("b");
    await new Promise((resolve) => setTimeout(resolve, 20));
  } finally {
    process.off("warning", onWarning);
  }
  expect(warnings).toEqual([]);
  expect(server.log.head).toBe(2);
});
