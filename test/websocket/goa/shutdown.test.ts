import { expect, test } from "vitest";
import { parseSigningKey } from "../../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../../src/server/auth/tokens.js";
import { startChatter } from "../../support/chatter-server.js";
import { until } from "../../support/streams.js";
import { text } from "../../support/websocket-raw.js";
import { openFrames, openGoa, refused } from "./client.js";

const endpoints = ["/listener", "/summary", "/subscribe", "/echoer"];

test("a stop closes every socket with 1001 in good time, and what was received is stored", async () => {
  const server = await startChatter();
  const sockets = await Promise.all(endpoints.map((path) => openGoa(server, path)));
  for (const [i, path] of endpoints.entries()) {
    if (path !== "/subscribe") {
      sockets[i]!.send(path);
    }
  }
  await until(() => server.log.head === 3, "all is stored");
  const start = performance.now();
  await server.server.close(8_000);
  expect(performance.now() - start).toBeLessThan(4_000);
  for (const socket of sockets) {
    expect(await socket.closed()).toEqual({ code: 1001, reason: "the server is stopping" });
  }
  expect(server.chatter.openCalls).toBe(0);
});

test("what a stream sends at the very moment of a stop is stored or not, but never half", async () => {
  const server = await startChatter();
  const echo = await openGoa(server, "/echoer");
  for (let i = 0; i < 500; i++) {
    echo.send(`m${i}`);
  }
  await echo.received(1);
  await server.server.close(8_000);
  expect((await echo.closed()).code).toBe(1001);
  expect(echo.messages).toEqual(Array.from({ length: echo.texts.length }, (_, i) => `m${i}`));
  expect(server.log.head).toBeGreaterThanOrEqual(echo.texts.length);
});

test("an idle tunnel, too, is closed with 1001", async () => {
  const server = await startChatter();
  const tunnel = await openGoa(server, "/chatter.v1.ChatterService/Echoer", {
    protocols: ["connect-tunnel.v1"],
  });
  await server.server.close(8_000);
  expect((await tunnel.closed()).code).toBe(1001);
});

test("a peer that does not answer the close does not hold the server up beyond its grace", async () => {
  const server = await startChatter();
  const raw = openFrames(server, "/subscribe");
  raw.closes = false;
  await raw.opened();
  const start = performance.now();
  await server.server.close(500);
  expect(performance.now() - start).toBeLessThan(1_900);
  await until(() => raw.ended, "the cut");
  expect(raw.closeCode).toBe(1001);
});

test("a Chatter that stops takes no upgrades: 503", async () => {
  const server = await startChatter();
  await server.chatter.stop();
  const answer = await refused(server, "/subscribe", { authorization: server.token });
  expect(answer.status).toBe(503);
});

test("a stream is closed with 4016 within a second of its token's expiry", async () => {
  const server = await startChatter();
  const key = await parseSigningKey("k".repeat(32), "test");
  const { token, expiresAt } = await createTokens({ key, lifetimeSeconds: 2 }).issue({
    subject: "goa",
    scopes: ["stream:write"],
  });
  const raws = endpoints.map((path) => openFrames(server, path, token));
  raws[3]!.write(text('"a"'));
  for (const raw of raws) {
    await raw.closed();
    expect(Date.now()).toBeGreaterThan(expiresAt - 50);
    expect(raw).toMatchObject({
      closeCode: 4016,
      closeReason: expect.stringMatching(/expired.*log in/),
    });
  }
  expect(Date.now()).toBeLessThan(expiresAt + 1_500);
  expect(raws[3]!.texts).toEqual(['"a"\n']);
});
