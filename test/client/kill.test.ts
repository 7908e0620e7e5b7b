import { once } from "node:events";
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { ChatterClient } from "../../src/client/chatter-client.js";
import { createChatterClient } from "../../src/client/node.js";
import type { Publisher } from "../../src/client/publisher.js";
import type { Subscription } from "../../src/client/subscription.js";
import { startServe } from "../support/serve.js";
import { rounds, sleep } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { when } from "./support/when.js";
import { demo, wireNames } from "./support/wires.js";

const subscribersEach = 3;
const kills = rounds(1.5);

test(`a server that is killed (${kills} times) loses, doubles and reorders no message, on any wire`, {
  timeout: 30_000 + kills * 15_000,
}, async () => {
  const port = await freePort();
  const args = ["--demo", "--data-dir", tempDir(), "--port", `${port}`, "--log-level", "error"];
  let server = await startServe(args);
  const parties = wireNames.map((wire) => new Party(wire, server.url));
  onTestFinished(() => {
    for (const party of parties) {
      party.client.close();
    }
  });
  await when(() => parties.every((party) => party.isLive));

  for (const party of parties) {
    party.start();
  }
  for (let i = 0; i < kills; i++) {
    // Answers have come since the last time, so that every round cuts something off.
    const answered = parties.map((party) => party.answers.length);
    await when(() => parties.every((party, i) => party.answers.length > answered[i]! + 20));
    await sleep(Math.random() * 100);
    await server.stop("SIGKILL");
    server = await startServe(args);
  }
  await Promise.all(parties.map((party) => party.finish()));

  const log: string[] = [];
  for await (const { message } of parties[0]!.client.history()) {
    log.push(message);
  }
  for (const party of parties) {
    // Stored once each, in the order of the calls, and answered with the right place.
    expect(log.filter((text) => text.startsWith(`${party.wire} `))).toEqual(party.posted);
    expect(party.answers.map(({ sequence }) => log[Number(sequence) - 1])).toEqual(party.posted);
  }
  for (const received of parties.flatMap((party) => party.received)) {
    await when(() => received.length >= log.length);
    expect(received).toEqual(log);
  }
  for (const party of parties) {
    expect(party.waits).toBeGreaterThanOrEqual(kills * subscribersEach);
  }
});

/** A publisher and three subscribers on one wire. */
class Party {
  readonly client: ChatterClient;
  readonly posted: string[] = [];
  readonly answers: { sequence: bigint }[] = [];
  readonly received: string[][] = [];
  waits = 0;
  readonly #publisher: Publisher;
  readonly #subscriptions: Subscription[] = [];
  readonly #posts: Promise<unknown>[] = [];
  #posting: Promise<void> | undefined;
  #isOver = false;

  constructor(
    readonly wire: (typeof wireNames)[number],
    url: string,
  ) {
    this.client = createChatterClient({ url, auth: demo, transport: wire });
    this.#publisher = this.client.publisher({ maxPending: 64 });
    for (let i = 0; i < subscribersEach; i++) {
      const onState = ({ status }: { status: string }) => {
        this.waits += status === "waiting" ? 1 : 0;
      };
      const subscription = this.client.subscribe({ onState });
      const received: string[] = [];
      this.#subscriptions.push(subscription);
      this.received.push(received);
      void collect(subscription, received);
    }
  }

  get isLive(): boolean {
    return this.#subscriptions.every(({ state }) => state.status === "live");
  }

  start(): void {
    this.#posting = this.#post();
  }

  async finish(): Promise<void> {
    this.#isOver = true;
    await this.#posting;
    await this.#publisher.close();
    await Promise.all(this.#posts);
  }

  async #post(): Promise<void> {
    while (!this.#isOver) {
      await this.#publisher.ready();
      const index = this.posted.push(`${this.wire} ${this.posted.length}`) - 1;
      const post = this.#publisher.post(this.posted[index]!);
      this.#posts.push(post.then((answer) => this.answers.push(answer)));
      if (index % 8 === 0) {
        await sleep(2);
      }
    }
  }
}

async function collect(subscription: Subscription, received: string[]): Promise<void> {
  for await (const { message } of subscription) {
    received.push(message);
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}
