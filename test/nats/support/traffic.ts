import { expect, onTestFinished } from "vitest";
import type { ChatterClient } from "../../../src/client/chatter-client.js";
import { createChatterClient } from "../../../src/client/node.js";
import type { Publisher } from "../../../src/client/posting/publisher.js";
import { roomOf, roomTitle } from "../../../src/protocol/rooms.js";
import { RoomSelection } from "../../../src/server/rooms/room-selection.js";
import { when } from "../../client/support/when.js";
import { demo } from "../../client/support/wires.js";
import { sleep } from "../../support/streams.js";

/** How long it took until everything continued, in milliseconds. */
export interface Recovery {
  readonly postsMs: number;
  readonly eventsMs: number;
}

/** Where a party posts, in turn: every other message is for a team. */
const rooms = ["team/a", "main", "team/b", "lobby"];

/** What the subscribers of a party read. */
const selections = [["*"], ["team/*"]];

/** What a subscriber was given. */
interface Received {
  readonly text: string;
  /** Its title. */
  readonly room: string;
  readonly sequence: bigint;
}

/** Those messages that are in some rooms. */
export function inRooms<T extends { readonly room: string }>(
  messages: readonly T[],
  selection: readonly string[],
): T[] {
  const wanted = RoomSelection.of(selection);
  return messages.filter(({ room }) => wanted.has(roomOf(room)));
}

/** A client that posts steadily, and two that read, all with the client library. */
class Party {
  readonly client: ChatterClient;
  readonly name: string;
  readonly posted: string[] = [];
  readonly answers: bigint[] = [];
  readonly received: Received[][] = selections.map(() => []);
  readonly #publisher: Publisher;
  readonly #posts: Promise<void>[] = [];
  #isOver = false;
  #posting: Promise<void> | undefined;

  constructor(name: string, url: string) {
    this.name = name;
    this.client = createChatterClient({ url, auth: demo, transport: "grpc" });
    onTestFinished(() => this.client.close());
    this.#publisher = this.client.publisher({ maxPending: 16, answerMs: 4000 });
  }

  async subscribe(): Promise<void> {
    const subscriptions = this.received.map((received, i) => {
      const subscription = this.client.subscribe({ rooms: selections[i]!, bookmarkSeconds: 1 });
      void (async () => {
        for await (const { message, room, sequence } of subscription) {
          received.push({ text: message, room: roomTitle(room), sequence });
        }
      })().catch((error: unknown) => {
        received.push({ text: `ended: ${error}`, room: "", sequence: -1n });
      });
      return subscription;
    });
    await when(() => subscriptions.every(({ state }) => state.status === "live"));
  }

  start(pauseMs: number): void {
    this.#posting = this.#post(pauseMs);
    this.#posting.catch(() => {}); // It is awaited in the end, if the test comes so far.
  }

  async finish(): Promise<void> {
    this.#isOver = true;
    await this.#posting;
    await this.#publisher.close();
    await Promise.all(this.#posts);
  }

  async #post(pauseMs: number): Promise<void> {
    while (!this.#isOver) {
      await this.#publisher.ready();
      const index = this.posted.length;
      this.posted.push(`${this.name}-${index}`);
      const room = rooms[index % rooms.length]!;
      const answered = this.#publisher.post(this.posted[index]!, { room }).then(({ sequence }) => {
        this.answers[index] = sequence;
      });
      answered.catch(() => {});
      this.#posts.push(answered);
      await sleep(pauseMs);
    }
  }
}

/** Steady posting and reading at each of some URLs, until `expectExactlyOnce`. */
export class Traffic {
  readonly #parties: readonly Party[];

  private constructor(parties: readonly Party[]) {
    this.#parties = parties;
  }

  /** Each publisher posts once in `pauseMs`. */
  static async start(urls: readonly string[], pauseMs = 10): Promise<Traffic> {
    const parties = urls.map((url, i) => new Party(`party ${i}`, url));
    await Promise.all(parties.map((party) => party.subscribe()));
    for (const party of parties) {
      party.start(pauseMs);
    }
    return new Traffic(parties);
  }

  /**
   * Resolves when every publisher has the answer to a post that is made from now on, and
   * every subscriber has these posts. Of all parties, or of those at some of the URLs.
   */
  async recovered(at = this.#parties.map((_, i) => i)): Promise<Recovery> {
    const parties = at.map((index) => this.#parties[index]!);
    const start = performance.now();
    // One that all subscribers get.
    const next = parties.map(({ posted }) => posted.length + (posted.length % 2));
    await when(() => parties.every(({ answers }, i) => answers[next[i]!] !== undefined));
    const postsMs = performance.now() - start;
    const last = parties.reduce<bigint>((most, { answers }, i) => {
      const sequence = answers[next[i]!]!;
      return sequence > most ? sequence : most;
    }, 0n);
    await when(() =>
      parties.every(({ received }) =>
        received.every((received) => (received.at(-1)?.sequence ?? 0n) >= last),
      ),
    );
    return { postsMs, eventsMs: performance.now() - start };
  }

  /**
   * Ends the posting and checks: every post was answered and is stored once, in its room, in the
   * order of its publisher and under the sequence of its answer; sequences rise; each room's
   * history is what the log has of it; every subscriber got all of its rooms, once and in that
   * order.
   */
  async expectExactlyOnce(): Promise<void> {
    await Promise.all(this.#parties.map((party) => party.finish()));
    const log = await historyOf(this.#parties[0]!.client, ["*"]);
    for (let i = 1; i < log.length; i++) {
      expect(log[i]!.sequence > log[i - 1]!.sequence, `sequences rise at ${i}`).toBe(true);
    }
    for (const { client, name, posted, answers, received } of this.#parties) {
      const stored = log.filter(({ text }) => text.startsWith(`${name}-`));
      expect(stored.map(({ text }) => text)).toEqual(posted);
      expect(stored.map(({ room }) => room)).toEqual(posted.map((_, i) => rooms[i % rooms.length]));
      expect(stored.map(({ sequence }) => sequence)).toEqual(answers);
      for (const [i, events] of received.entries()) {
        const wanted = inRooms(log, selections[i]!);
        await when(() => events.length >= wanted.length);
        expect(events).toEqual(wanted);
      }
      for (const room of rooms) {
        expect(await historyOf(client, [room])).toEqual(inRooms(log, [room]));
      }
    }
  }
}

/** All that is stored in some rooms. */
export async function historyOf(
  client: ChatterClient,
  rooms: readonly string[],
): Promise<Received[]> {
  const all: Received[] = [];
  for await (const { message, room, sequence } of client.history({ rooms })) {
    all.push({ text: message, room: roomTitle(room), sequence });
  }
  return all;
}
