import { describe, expect, onTestFinished, test } from "vitest";
import { NatsArrivals } from "../../src/server/log/nats-arrivals.js";
import { openLink } from "../../src/server/log/nats-link.js";
import { openStream } from "../../src/server/log/nats-opening.js";
import { NatsPublisher } from "../../src/server/log/nats-publisher.js";
import { posts } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { sleep } from "../support/streams.js";

describe.skipIf(!hasNats)("a post", () => {
  test("is answered when its server can show it, however late its consumer is", async () => {
    const nats = await startNats();
    const link = await openLink({ servers: [nats.address] }, 5000);
    onTestFinished(() => link.close());
    const options = { stream: "chatter", retention: {}, dedupeMs: 600_000 };
    const stream = await openStream(link, options, 5000);
    const arrivals = new NatsArrivals(stream, new AbortController().signal);
    const publisher = new NatsPublisher(link, stream, arrivals, 5000);
    let isAnswered = false;
    const answer = publisher.append(posts(2)).finally(() => {
      isAnswered = true;
    });
    await expect.poll(async () => (await stream.look()).head).toBe(2);
    await sleep(600);
    expect(isAnswered).toBe(false);
    arrivals.take(await stream.messages(0, 2));
    expect((await answer).positions.map(({ sequence }) => sequence)).toEqual([1, 2]);
    await publisher.close();
  });
});
