import { expect, onTestFinished } from "vitest";
import type { ChatterClient, TransportName } from "../../../src/client/chatter-client.js";
import { createChatterClient } from "../../../src/client/node.js";
import type { Publisher } from "../../../src/client/posting/publisher.js";
import type { Subscription } from "../../../src/client/subscription.js";
import { sleep } from "../../support/streams.js";
import { when } from "./when.js";
import { demo, wireNames } from "./wires.js";

const subscribersEach = 3;

/** A publisher and three subscribers on one wire. */
export class Party {
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
    readonly wire: TransportName,
    url: string,
  ) {
    this.client = createChatterClient({ url, auth: demo, transport: wire });
    onTestFinished(() => this.client.close());
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

/** A party on each wire, at work. */
export async function startParties(url: string, wires = wireNames): Promise<Party[]> {
  const parties = wires.map((wire) => new Party(wire, url));
  await when(() => parties.every((party) => party.isLive));
  for (const party of parties) {
    party.start();
  }
  return parties;
}

/** Resolves when each publisher has been answered a few times more. */
export async function progress(parties: readonly Party[]): Promise<void> {
  const answered = parties.map((party) => party.answers.length);
  await when(() => parties.every((party, i) => party.answers.length > answered[i]! + 20));
}

/**
 * Ends the work, and checks that every message is stored once, in the order of the calls, that
 * every answer named its position, and that every subscriber got all of them, once and in order.
 *
 * @param breaks how often every connection was broken
 */
export async function expectExactlyOnce(parties: readonly Party[], breaks: number): Promise<void> {
  await Promise.all(parties.map((party) => party.finish()));
  const log: string[] = [];
  for await (const { message } of parties[0]!.client.history()) {
    log.push(message);
  }
  for (const party of parties) {
    expect(log.filter((text) => text.startsWith(`${party.wire} `))).toEqual(party.posted);
    expect(party.answers.map(({ sequence }) => log[Number(sequence) - 1])).toEqual(party.posted);
    expect(party.waits).toBeGreaterThanOrEqual(breaks * subscribersEach);
  }
  for (const received of parties.flatMap((party) => party.received)) {
    await when(() => received.length >= log.length);
    expect(received).toEqual(log);
  }
}
