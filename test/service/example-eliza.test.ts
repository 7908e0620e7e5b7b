import { readFileSync } from "node:fs";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { expect, onTestFinished, test } from "vitest";
import { startEliza } from "../support/eliza-example.js";
import { Outbox } from "../support/streams.js";

/** Calls of the news, of which the test knows no types. */
interface News {
  publish(texts: AsyncIterable<{ text: string }>): Promise<{ published: number }>;
  follow(
    request: object,
    options: { signal: AbortSignal; onHeader(header: Headers): void },
  ): AsyncIterable<{ text: string }>;
}

test("docs/mount.md shows the service of the example", () => {
  const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
  expect(read("docs/mount.md")).toContain(`\`\`\`js\n${read("examples/eliza/news.js")}\`\`\``);
});

test("the example's fast path sends headers before there is news, and then the same news to everybody", {
  timeout: 120_000,
}, async () => {
  const example = await startEliza();
  const nodeOptions = { ca: example.ca };
  const options = { baseUrl: example.url, nodeOptions, httpVersion: "2" } as const;
  const transports = [
    createGrpcTransport(options),
    createConnectTransport(options),
    createConnectTransport({ ...options, useBinaryFormat: false }), // It is decoded for JSON.
  ];
  const clients = transports.map(
    (transport) => createClient(example.NewsService, transport) as Client<never> as unknown as News,
  );
  const left = new AbortController();
  onTestFinished(() => left.abort());
  const followers = await Promise.all(
    clients.map(async (news) => {
      let onHeader = (_: Headers) => {};
      const header = new Promise<Headers>((resolve) => {
        onHeader = resolve;
      });
      const texts = news.follow({}, { signal: left.signal, onHeader })[Symbol.asyncIterator]();
      const first = texts.next();
      first.catch(() => {});
      expect((await header).get("news-from")).toBe("0");
      return { first, texts };
    }),
  );
  const outbox = new Outbox<{ text: string }>();
  const published = clients[0]!.publish(outbox);
  outbox.send({ text: "one" }, { text: "two é" });
  outbox.end();
  expect(await published).toMatchObject({ published: 2 });
  for (const { first, texts } of followers) {
    expect((await first).value).toMatchObject({ text: "one" });
    expect((await texts.next()).value).toMatchObject({ text: "two é" });
  }
  expect(await clients[2]!.publish(one("three"))).toMatchObject({ published: 1 });
  for (const { texts } of followers) {
    expect((await texts.next()).value).toMatchObject({ text: "three" });
  }
});

async function* one(text: string) {
  yield { text };
}
