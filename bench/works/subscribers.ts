import type { Channel, Connection } from "../load/connection.js";
import { TextChecker } from "../load/texts.js";
import type { Server, Wire } from "../servers.js";
import { pause } from "../work.js";

/** Number of connections that are opened at the same time. */
const openAtOnce = 100;
/** How long to wait for headers that connect-node sends only with the first message. */
const headsMs = 2_000;

export interface SubscribersOptions {
  readonly wire: Wire;
  readonly connections: number;
  /** On each connection; a WebSocket has one. */
  readonly streams: number;
}

/** Many subscribers, and one poster. */
export class Subscribers {
  readonly #connections: Connection[] = [];
  readonly #subscriptions: Channel[] = [];
  #poster: Channel | undefined;
  #failure: Error | undefined;
  #wake = () => {};

  /** For each event that has not reached all of them yet, oldest first, how many have it. */
  readonly #reached: number[] = [];
  #firstPending = 0;
  #posted = 0;

  /** Called when a subscriber has received an event, by its number from 0. */
  onEvent: (event: number) => void = () => {};
  /** Called when all subscribers have received an event. */
  onComplete: (event: number) => void = () => {};

  private constructor(readonly size: number) {}

  /** Opens the subscriptions, and a stream to post on. */
  static async open(server: Server, options: SubscribersOptions): Promise<Subscribers> {
    const { connections, streams, wire } = options;
    const subscribers = new Subscribers(connections * streams);
    try {
      for (let i = 0; i < connections; i += openAtOnce) {
        const some = Array.from({ length: Math.min(openAtOnce, connections - i) }, async () => {
          const connection = await server.connect(wire);
          subscribers.#connections.push(connection);
          return subscribers.#subscribe(connection, streams);
        });
        const heads = Promise.all((await Promise.all(some)).flat().map(({ head }) => head));
        await (server.name === "connect-node" ? Promise.race([heads, pause(50)]) : heads);
      }
      if (server.name === "connect-node") {
        await pause(headsMs);
      }
      const connection = await server.connect(wire);
      subscribers.#connections.push(connection);
      const poster = connection.open("listener", () => {});
      poster.whole.catch((error) => subscribers.#fail(error));
      if (wire === "ws") {
        await poster.head;
      }
      subscribers.#poster = poster;
      return subscribers;
    } catch (error) {
      subscribers.close();
      throw error;
    }
  }

  #subscribe(connection: Connection, streams: number): Channel[] {
    return Array.from({ length: streams }, () => {
      const checker = new TextChecker();
      const channel = connection.open("subscribe", (bytes, start, end) => {
        checker.take(bytes, start, end);
        this.#received(checker.count - 1);
      });
      channel.whole.then(
        () => this.#fail(new Error("a subscription has ended")),
        (error) => this.#fail(error),
      );
      this.#subscriptions.push(channel);
      return channel;
    });
  }

  /** Posts the next event. */
  post(): void {
    this.#posted++;
    this.#reached.push(0);
    this.#poster!.post(1);
  }

  /** The number of the event that is posted next. */
  get next(): number {
    return this.#posted;
  }

  /**
   * Posts this many events, with at most `outstanding` in flight: the next one is posted when the
   * first of them has reached everybody.
   */
  async run(events: number, outstanding: number): Promise<void> {
    const end = this.#posted + events;
    const onComplete = this.onComplete;
    this.onComplete = (event) => {
      onComplete(event);
      if (this.#posted < end) {
        this.post();
      }
    };
    for (let i = 0; i < Math.min(outstanding, events); i++) {
      this.post();
    }
    await this.complete();
    this.onComplete = onComplete;
  }

  /** Resolves when every event that was posted has reached everybody. */
  async complete(): Promise<void> {
    while (this.#firstPending < this.#posted) {
      if (this.#failure) {
        throw this.#failure;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    for (const connection of this.#connections) {
      connection.close();
    }
  }

  #received(event: number): void {
    const index = event - this.#firstPending;
    this.#reached[index]!++;
    this.onEvent(event);
    while (this.#reached[0] === this.size) {
      this.#reached.shift();
      this.onComplete(this.#firstPending++);
      if (this.#firstPending === this.#posted) {
        this.#wake();
      }
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }
}
