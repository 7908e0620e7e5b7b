/*
 * A stream is opened when it is called, and may fail before anybody reads its first message: that
 * must not be an unhandled rejection, which would end the program.
 */

import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { createChatterClient as createBrowserClient } from "../../src/client/index.js";
import { startChatter } from "../support/chatter-server.js";
import { collect, errorOf } from "../support/streams.js";
import { reported, unhandledRejections } from "../support/unhandled.js";
import { clientFor } from "./support/connected.js";
import { freePort } from "./support/free-port.js";
import { demo } from "./support/wires.js";

const wires = ["connect", "grpc", "grpc-web", "ws"] as const;

test.each(wires)("over %s, where nobody listens", async (transport) => {
  const unhandled = unhandledRejections();
  const url = `http://127.0.0.1:${await freePort()}`;
  const { client } = clientFor({ url, auth: { token: "t" }, transport });
  const late = client.history({});
  client.history({}); // never read
  client.echoer(nothing());
  expect((await errorOf(client.history({}))).code).toBe(Code.Unavailable);
  await reported();
  expect(unhandled).toEqual([]);
  expect((await errorOf(late)).code).toBe(Code.Unavailable);
});

test("by the browser's entry", async () => {
  const unhandled = unhandledRejections();
  const url = `http://127.0.0.1:${await freePort()}`;
  const { client } = createBrowserClient({ url, auth: { token: "t" }, transport: "grpc-web" });
  const late = client.history({});
  await errorOf(client.history({}));
  await reported();
  expect(unhandled).toEqual([]);
  await errorOf(late);
});

test("when there is no token", async () => {
  const server = await startChatter();
  const unhandled = unhandledRejections();
  const auth = async () => {
    throw new ConnectError("no token", Code.PermissionDenied);
  };
  const { client } = clientFor({ url: server.url, auth });
  const late = client.history({});
  expect((await errorOf(client.history({}))).code).toBe(Code.PermissionDenied);
  await reported();
  expect(unhandled).toEqual([]);
  expect((await errorOf(late)).code).toBe(Code.PermissionDenied);
});

test("when it was aborted before", async () => {
  const server = await startChatter();
  const unhandled = unhandledRejections();
  const { client } = clientFor({ url: server.url, auth: demo });
  const late = client.history({}, { signal: AbortSignal.abort() });
  await collect(client.history({}));
  await reported();
  expect(unhandled).toEqual([]);
  expect((await errorOf(late)).code).toBe(Code.Canceled);
});

async function* nothing(): AsyncGenerator<never> {}
