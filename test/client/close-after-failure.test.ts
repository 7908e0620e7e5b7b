import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";

test("a client that is closed right after a call failed throws nothing into the process", async () => {
  // It speaks only HTTP/1.1, so that the connection fails with a protocol error.
  const server = createServer((_, response) => response.end("hello"));
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown) => uncaught.push(error);
  process.on("uncaughtException", onUncaught);
  onTestFinished(() => void process.off("uncaughtException", onUncaught));

  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (let i = 0; i < 5; i++) {
    const chatter = createChatterClient({ url, auth: { token: "t" } });
    const call = chatter.client.history({})[Symbol.asyncIterator]().next();
    await expect(call).rejects.toThrow();
    chatter.close();
  }
  await sleep(100);
  expect(uncaught).toEqual([]);
});
