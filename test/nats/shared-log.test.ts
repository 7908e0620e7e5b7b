import { describe, expect, onTestFinished, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";
import { openNatsLog } from "../../src/server/log/nats-log.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { sleep } from "../support/streams.js";
import { Traffic } from "./support/traffic.js";

describe.skipIf(!hasNats)("servers that share a log", () => {
  async function startServers(count: number): Promise<TestServer[]> {
    const nats = await startNats();
    return Promise.all(
      Array.from({ length: count }, async () => {
        const log = await openNatsLog({
          address: { servers: [nats.address] },
          stream: "chatter",
          retention: {},
          dedupeMs: 600_000,
          timeoutMs: 10_000,
        });
        return startChatter({ log });
      }),
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
});

async function* just<T>(item: T): AsyncGenerator<T> {
  yield item;
}
