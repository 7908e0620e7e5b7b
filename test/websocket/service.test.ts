import { Code, createClient } from "@connectrpc/connect";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { startChatter } from "../support/chatter-server.js";
import { collect, until } from "../support/streams.js";
import {
  binary,
  envelope,
  messagesOf,
  openingMessage,
  openRaw,
  text,
} from "../support/websocket-raw.js";

/** Chatter's own methods by the tunnel. */
async function startService() {
  const server = await startChatter();
  const transport = createWebSocketTransport({ baseUrl: server.url, webSocket: WebSocket });
  return {
    ...server,
    port: Number(new URL(server.url).port),
    client: createClient(ChatterService, transport),
  };
}

test("listener takes them, summary of N gives exactly N, an empty history is empty", async () => {
  const { client, headers } = await startService();
  expect(await collect(client.history({}, { headers }))).toEqual([]);
  const posts = ["a", "b", "c"].map((message) => ({ message }));
  expect(await client.listener(createAsyncIterable(posts), { headers })).toMatchObject({
    stored: 3n,
  });
  const { summaries } = await client.summary(createAsyncIterable(posts), { headers });
  expect(summaries.map(({ sequence }) => sequence)).toEqual([4n, 5n, 6n]);
  expect(await client.listener(createAsyncIterable([]), { headers })).toMatchObject({ stored: 0n });
  expect(await collect(client.history({}, { headers }))).toHaveLength(6);
});

test("subscribe answers at once, with no events", async () => {
  const { port, token, chatter } = await startService();
  const start = Date.now();
  const raw = openRaw(port, "Subscribe").write(
    openingMessage({ authorization: [`Bearer ${token}`] }),
    binary(envelope("{}")),
    text("null"),
  );
  await until(() => raw.texts.length > 0, "the response's headers");
  expect(Date.now() - start).toBeLessThan(500);
  expect(JSON.parse(raw.texts[0]!)).toMatchObject({ status: 200 });
  expect(chatter.openCalls).toBe(1);
});

test.each([
  ["no token", undefined, "unauthenticated"],
  ["a bad token", "Bearer sesame", "unauthenticated"],
  ["a token without the scope", "scopeless", "permission_denied"],
])("%s: the end of the stream says so, then close 1000", async (_, given, code) => {
  const { port, tokens } = await startService();
  const scopeless = await tokens.issue({ subject: "goa", scopes: [] });
  const authorization = given === "scopeless" ? `Bearer ${scopeless.token}` : given;
  for (const method of ["Listener", "Summary", "Subscribe", "History", "Echoer"]) {
    const raw = openRaw(port, method).write(
      openingMessage(authorization === undefined ? {} : { authorization: [authorization] }),
      binary(""),
      text("null"),
    );
    await raw.closed();
    expect(messagesOf(raw.body)).toMatchObject([{ error: { code } }]);
    expect([raw.texts.at(-1), raw.closeCode]).toEqual(['{"end":true}', 1000]);
  }
});

test("a stream ends with unauthenticated within a second of its token's expiry", async () => {
  const { client } = await startService();
  const key = await parseSigningKey("k".repeat(32), "test");
  const { token, expiresAt } = await createTokens({ key, lifetimeSeconds: 2 }).issue({
    subject: "goa",
    scopes: ["stream:read"],
  });
  const headers = { authorization: `Bearer ${token}` };
  await expect(collect(client.subscribe({}, { headers }))).rejects.toMatchObject({
    code: Code.Unauthenticated,
  });
  expect(Date.now()).toBeGreaterThan(expiresAt - 50);
  expect(Date.now()).toBeLessThan(expiresAt + 1_500);
});
