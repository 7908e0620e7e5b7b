import { describe, expect, onTestFinished, test } from "vitest";
import { openStream } from "../../src/server/log/nats/open-stream.js";
import { NatsReader } from "../../src/server/log/nats/read/reader.js";
import { NatsTail } from "../../src/server/log/nats/read/tail.js";
import { openSession } from "../../src/server/log/nats/session.js";
import { NatsStream } from "../../src/server/log/nats/stream.js";
import { startChatter } from "../support/chatter-server.js";
import { rounds } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { sleep } from "../support/streams.js";
import { startLinkProxy } from "./support/link-proxy.js";
import { openLog } from "./support/open-log.js";
import { printRecoveries, type Recoveries } from "./support/recoveries.js";
import { Traffic } from "./support/traffic.js";

const count = Math.min(10, rounds(1));

/** Longer than it takes to notice that nothing passes. */
const stalledMs = 5500;
const cutMs = 1500;

async function openThroughNetwork() {
  const nats = await startNats();
  const network = await startLinkProxy(nats.port);
  const session = await openSession({ servers: [network.address] }, 5000);
  onTestFinished(() => session.close());
  const options = { stream: "chatter", retention: {}, dedupeMs: 600_000 };
  return { network, session, stream: await openStream(session, options, 5000) };
}

describe.skipIf(!hasNats)("a network between a server and NATS", () => {
  test(`stalls and is cut (${count} times each): the others continue, it continues when all is well, nothing is lost, doubled or out of order`, {
    timeout: 60_000 + count * 60_000,
  }, async () => {
    const nats = await startNats();
    const network = await startLinkProxy(nats.port);
    const behind = await startChatter({ log: await openLog(network.address) });
    const others = await Promise.all(
      [1, 2].map(async () => startChatter({ log: await openLog(nats.address) })),
    );
    const isReady = async () => (await fetch(`${behind.url}/readyz`)).ok;
    const traffic = await Traffic.start([behind, ...others].map(({ url }) => url));
    const times: Recoveries<"stall" | "cut"> = { stall: [], cut: [] };
    for (let i = 0; i < count; i++) {
      for (const [how, ms] of [
        ["stall", stalledMs],
        ["cut", cutMs],
      ] as const) {
        await traffic.recovered();
        network[how]();
        await sleep(ms);
        expect(await isReady()).toBe(false);
        await traffic.recovered([1, 2]);
        network.heal();
        times[how].push(await traffic.recovered());
        await expect.poll(isReady, { timeout: 10_000 }).toBe(true);
      }
    }
    printRecoveries(times);
    await traffic.expectExactlyOnce();
  });

  test("is cut while a server makes its consumer: the answer is not waited for", async () => {
    const { network, session, stream } = await openThroughNetwork();
    const makings: Promise<string>[] = [];
    stream.addConsumer = (...args) => {
      if (makings.length === 0) {
        network.stall();
      }
      makings.push(NatsStream.prototype.addConsumer.apply(stream, args));
      return makings.at(-1)!;
    };
    const tail = new NatsTail(session, stream, 0, () => {});
    onTestFinished(() => tail.close());
    await expect.poll(() => makings.length).toBe(1);
    const first = expect(makings[0]).rejects.toThrow("the connection to NATS is lost");
    await sleep(300); // The stream is asked for its messages by now, too.
    network.cut();
    await first;
    network.heal();
    await expect.poll(() => makings.length, { timeout: 10_000 }).toBe(2);
    await makings[1];
  });

  test("is cut while a consumer is read: what it sends is not waited for", async () => {
    const { network, session, stream } = await openThroughNetwork();
    const reader = await NatsReader.open(session, stream, 0);
    onTestFinished(() => reader.close());
    network.stall();
    const cut = expect(reader.read(10)).rejects.toThrow("the connection to NATS is lost");
    network.cut();
    await cut;
  });
});
