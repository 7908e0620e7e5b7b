import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { fill } from "../support/fill.js";
import { errorOf, sleep, until } from "../support/streams.js";
import { clientOf, mainWires } from "../support/wires.js";

test("a subscription ends within a second of its token's expiry, over every wire", async () => {
  const server = await startChatter();
  const { token, expiresAt } = await server.tokens.issue({
    subject: "goa",
    scopes: ["stream:read"],
    lifetimeSeconds: 3,
  });
  const endings = mainWires.flatMap((wire) =>
    [0, 1].map(async (bookmarkSeconds) => {
      const error = await errorOf(clientOf(server, wire, token).subscribe({ bookmarkSeconds }));
      expect(Date.now() - expiresAt).toBeLessThan(1000);
      return [wire.name, Code[error.code], error.rawMessage];
    }),
  );
  for (const [wire, ...error] of await Promise.all(endings)) {
    expect([wire, ...error]).toEqual([
      wire,
      "Unauthenticated",
      "the token has expired: log in again",
    ]);
  }
  const late = await errorOf(clientOf(server, mainWires[1], token).history({}));
  expect([Code[late.code], late.rawMessage]).toEqual(["Unauthenticated", "invalid token"]);
});

test("many streams of one token end a few a turn of the event loop, so that others are served", async () => {
  const server = await startChatter();
  const { chatter } = server;
  const { token, expiresAt } = await server.tokens.issue({
    subject: "goa",
    scopes: ["stream:read"],
    lifetimeSeconds: 3,
  });
  const client = clientOf(server, mainWires[1], token);
  const endings = Array.from({ length: 200 }, () => errorOf(client.subscribe({})));
  await until(() => chatter.openCalls === 200, "all are open");
  await sleep(expiresAt - Date.now() - 100);
  const turns: number[] = [];
  while (chatter.openCalls > 0) {
    turns.push(chatter.openCalls);
    await new Promise(setImmediate);
  }
  expect(new Set(turns).size).toBeGreaterThan(5);
  for (const { rawMessage } of await Promise.all(endings)) {
    expect(rawMessage).toBe("the token has expired: log in again");
  }
});

test("a token that is valid for longer than a timer can wait does not end its stream", async () => {
  const server = await startChatter();
  const { token } = await server.tokens.issue({
    subject: "goa",
    scopes: ["stream:read"],
    lifetimeSeconds: 60 * 86_400,
  });
  const events = clientOf(server, mainWires[1], token).subscribe({})[Symbol.asyncIterator]();
  const next = events.next();
  await sleep(300);
  await fill(server.log, ["still there"]);
  expect((await next).value).toMatchObject({ message: "still there" });
});
