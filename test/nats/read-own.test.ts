import { describe, expect, onTestFinished, test } from "vitest";
import { openStream } from "../../src/server/log/nats/open-stream.js";
import { NatsPublisher } from "../../src/server/log/nats/publish/publisher.js";
import { ReplicaTail } from "../../src/server/log/nats/read/replica-tail.js";
import { openSession } from "../../src/server/log/nats/session.js";
import { posts } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { sleep } from "../support/streams.js";

describe.skipIf(!hasNats)("a post", () => {
  test("is answered when its server can show it, however late its consumer is", async () => {
    const nats = await startNats();
    const session = await openSession({ servers: [nats.address] }, 5000);
    onTestFinished(() => session.close());
    const options = { stream: "chatter", retention: {}, dedupeMs: 600_000 };
    const stream = await openStream(session, options, 5000);
    const replica = new ReplicaTail(stream, new AbortController().signal);
    const publisher = new NatsPublisher(session, stream, replica, 5000);
    let isAnswered = false;
    const answer = publisher.append(posts(2)).finally(() => {
      isAnswered = true;
    });
    await expect.poll(async () => (await stream.look()).head).toBe(2);
    await sleep(600);
    expect(isAnswered).toBe(false);
    replica.take(await stream.messages(0, 2));
    expect((await answer).positions.map(({ sequence }) => sequence)).toEqual([1, 2]);
    await publisher.close();
  });
});
