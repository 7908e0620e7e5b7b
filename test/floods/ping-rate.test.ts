import { once } from "node:events";
import { constants, createServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { endFloods } from "../../src/server/http/http2/flood-guard.js";
import { connectHttp2 } from "../support/raw-http2.js";

test("PING is counted: 10,000 at once are a client that measures its way, more are a flood", async () => {
  const refused: string[] = [];
  const server = createServer();
  endFloods(server, { onRefused: (limit) => refused.push(limit) });
  server.listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const accepted = once(server, "session");
  const client = await connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const [session] = (await accepted) as [ServerHttp2Session];
  for (let i = 0; i < 10_000; i++) {
    session.emit("ping", Buffer.alloc(8));
  }
  expect({ refused, destroyed: session.destroyed }).toEqual({ refused: [], destroyed: false });
  const goaway = once(client, "goaway");
  const endAt = performance.now() + 50; // The allowance grows back with time: ten each millisecond.
  while (!session.destroyed && performance.now() < endAt) {
    session.emit("ping", Buffer.alloc(8));
  }
  expect((await goaway)[0]).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  expect(refused).toEqual(["http2_flood"]);
});
