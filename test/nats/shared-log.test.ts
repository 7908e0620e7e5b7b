import { Code } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";
import { formatCursor } from "../../src/server/encoding/cursor.js";
import { resolveCursor } from "../../src/server/service/reading/resolve-cursor.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { post, posts } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { sleep } from "../support/streams.js";
import { startLinkProxy } from "./support/link-proxy.js";
import { openLog } from "./support/open-log.js";
import { Traffic } from "./support/traffic.js";

describe.skipIf(!hasNats)("servers that share a log", () => {
  async function startServers(count: number): Promise<TestServer[]> {
    const nats = await startNats();
    return Promise.all(
      Array.from({ length: count }, async () => startChatter({ log: await openLog(nats.address) })),
    );
  }

  test.each([2, 4])(
    "%s servers: what is posted to any reaches all, in one order, once",
    {
      timeout: 60_000,
    },
    async (count) => {
      const servers = await startServers(count);
      expect(new Set(servers.map(({ log }) => log.identity)).size).toBe(1);
      const traffic = await Traffic.start(
        servers.map(({ url }) => url),
        1,
      );
      await sleep(1000);
      await traffic.recovered();
      await traffic.expectExactlyOnce();
    },
  );

  test("a token, a cursor and a message id of one server are good on all", async () => {
    const [a, b] = (await startServers(2)) as [TestServer, TestServer];
    const clientOf = (server: TestServer) => {
      const client = createChatterClient({ url: server.url, auth: { token: a.token } });
      onTestFinished(() => client.close());
      return client.client;
    };
    const [atA, atB] = [clientOf(a), clientOf(b)];
    for (let i = 0; i < 20; i++) {
      // The answer is there before the other server may have heard of the message.
      const post = { message: `text ${i}`, messageId: `id ${i}` };
      const echoes = atA.echoer(just(post))[Symbol.asyncIterator]();
      const { sequence, cursor } = (await echoes.next()).value!;
      const heard = [];
      for await (const event of atB.history({ after: cursor })) {
        heard.push(event);
      }
      expect(heard).toEqual([]);
      const { summaries } = await atB.summary(just(post));
      expect(summaries).toMatchObject([{ message: post.message, sequence }]);
      const again = await atA.summary(just(post));
      expect(again.summaries[0]!.sentAt).toEqual(summaries[0]!.sentAt);
    }
    expect(b.log.head).toBe(20);
  });

  test("a server that has not heard of a cursor's message yet waits for it", async () => {
    const nats = await startNats();
    const network = await startLinkProxy(nats.port);
    const [a, b] = [await openLog(nats.address), await openLog(network.address)];
    await a.append([post("one")]);
    await expect.poll(() => b.head).toBe(1);
    network.stall();
    await a.append(posts(3));
    const cursor = formatCursor(a.identity, 3);
    const resolved = resolveCursor(b, cursor);
    expect(b.head).toBe(1);
    network.heal();
    expect(await resolved).toBe(3);
    expect(b.head).toBeGreaterThanOrEqual(3);
    await expect(resolveCursor(b, formatCursor(a.identity, 5))).rejects.toMatchObject({
      code: Code.OutOfRange,
    });
  });
});

async function* just<T>(item: T): AsyncGenerator<T> {
  yield item;
}
