import type { Channel, Connection } from "../load/connection.js";
import type { Server } from "../servers.js";
import { measure, perMessage, type Work } from "../work.js";
import { fillLog } from "./replay.js";

/** Number of connections that are opened at the same time. */
const openAtOnce = 50;

interface RoomFanOut {
  readonly rooms: number;
  /** In each room. */
  readonly subscribers: number;
  /** Number of subscribers of rooms to which nothing is posted. */
  readonly sleepers: number;
  /** On each connection. */
  readonly streams: number;
  /** Number of posts in flight. */
  readonly outstanding: number;
}

const one = { rooms: 1, sleepers: 0 };

/** Number of messages that a subscriber has missed. */
const missed = 10_000;
/** A resumption is repeated until it took this long, in seconds. */
const leastSeconds = 0.5;

/** What rooms cost: each message to the subscribers of its room, in turns over the rooms. */
export const roomWorks: readonly Work[] = [
  fanOut("rooms-1x1000", { ...one, subscribers: 1000, streams: 10, outstanding: 8 }),
  fanOut("rooms-1x1000-sleepers", {
    ...{ ...one, subscribers: 1000, streams: 10, outstanding: 8 },
    sleepers: 9000,
  }),
  fanOut("rooms-1x10", { ...one, subscribers: 10, streams: 1, outstanding: 1 }),
  fanOut("rooms-1000x10", {
    ...{ ...one, subscribers: 10, streams: 100, outstanding: 1 },
    rooms: 1000,
  }),
  resume("rooms-resume-1", ["main"]),
  resume(
    "rooms-resume-1000",
    Array.from({ length: 1000 }, (_, i) => roomName(i)),
  ),
];

/**
 * A subscriber resumes after a cursor: as many messages were posted to `main` as to 1,000 rooms in
 * turn. The server is started again before, so that none of them is in its memory.
 */
function resume(name: string, rooms: readonly string[]): Work {
  return {
    name,
    unit: "CPU µs a message",
    servers: ["chatter-durable"],
    async prepare(server) {
      const cursor = await cursorOf(server);
      await fillLog(server, missed);
      const fan = await Fan.open(server, {
        ...{ rooms: 1000, subscribers: 1, sleepers: 0, streams: 100, outstanding: 8 },
      });
      await fan.run(missed);
      fan.close();
      await server.restart();
      return {
        async round() {
          let messages = 0;
          const found = await measure(server, async () => {
            const until = performance.now() + leastSeconds * 1000;
            do {
              await resumeOnce(server, rooms, cursor);
              messages += missed;
            } while (performance.now() < until);
          });
          return perMessage(messages, found);
        },
        end() {},
      };
    },
  };
}

/** Subscribes after a cursor, and leaves when all missed messages have come. */
async function resumeOnce(server: Server, rooms: readonly string[], cursor: string): Promise<void> {
  const connection = await server.connect("grpc");
  try {
    await new Promise<void>((resolve, reject) => {
      let left = missed;
      const received = () => --left === 0 && resolve();
      connection
        .open("subscribe", received, rooms, cursor)
        .whole.then(() => reject(new Error("a subscription has ended")), reject);
    });
  } finally {
    connection.close();
  }
}

/** A cursor at the head of the log. */
async function cursorOf({ port, token }: Server): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/chatter.v1.ChatterService/Read`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ last: 1 }),
  });
  return ((await response.json()) as { cursor: string }).cursor;
}

function fanOut(name: string, options: RoomFanOut): Work {
  return {
    name,
    unit: "CPU µs a message",
    servers: ["chatter-memory", "chatter-durable"],
    async prepare(server, { quick }) {
      const { subscribers } = options;
      const posts = Math.ceil((quick ? 60_000 : 120_000) / subscribers);
      const fan = await Fan.open(server, options);
      return {
        async round() {
          const found = await measure(server, () => fan.run(posts));
          return perMessage(posts * subscribers, found);
        },
        end: () => fan.close(),
      };
    },
  };
}

/** The subscribers of the rooms, and one poster. */
class Fan {
  readonly #connections: Connection[] = [];
  readonly #subscribers: number;
  readonly #rooms: number;
  readonly #outstanding: number;
  #poster!: Channel;
  /** Messages that their subscribers are still to receive. */
  #due = 0;
  #posted = 0;
  #end = 0;
  #settle: { resolve(): void; reject(error: unknown): void } | undefined;
  #failure: unknown;

  private constructor({ rooms, subscribers, outstanding }: RoomFanOut) {
    this.#rooms = rooms;
    this.#outstanding = outstanding;
    this.#subscribers = subscribers;
  }

  static async open(server: Server, options: RoomFanOut): Promise<Fan> {
    const { rooms, subscribers, sleepers, streams } = options;
    const fan = new Fan(options);
    const names = [
      ...Array.from({ length: rooms * subscribers }, (_, i) => roomName(i % rooms)),
      ...Array.from({ length: sleepers }, (_, i) => `asleep/${i}`),
    ];
    try {
      for (let at = 0; at < names.length; at += openAtOnce * streams) {
        const some = names.slice(at, at + openAtOnce * streams);
        const groups = Array.from({ length: Math.ceil(some.length / streams) }, (_, i) =>
          some.slice(i * streams, (i + 1) * streams),
        );
        await Promise.all(groups.map((group) => fan.#subscribe(server, group)));
      }
      const connection = await server.connect("grpc");
      fan.#connections.push(connection);
      fan.#poster = connection.open("listener", () => {});
      fan.#poster.whole.catch((error: unknown) => fan.#fail(error));
      return fan;
    } catch (error) {
      fan.close();
      throw error;
    }
  }

  /** Posts this many messages and waits until each has reached all subscribers of its room. */
  run(posts: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      if (this.#failure) {
        reject(this.#failure);
      }
      this.#end = this.#posted + posts;
      for (let i = 0; i < Math.min(this.#outstanding, posts); i++) {
        this.#post();
      }
    });
  }

  close(): void {
    for (const connection of this.#connections) {
      connection.close();
    }
  }

  async #subscribe(server: Server, rooms: readonly string[]): Promise<void> {
    const connection = await server.connect("grpc");
    this.#connections.push(connection);
    const channels = rooms.map((room) =>
      connection.open("subscribe", () => this.#received(), [room]),
    );
    for (const { whole } of channels) {
      whole.then(
        () => this.#fail(new Error("a subscription has ended")),
        (error: unknown) => this.#fail(error),
      );
    }
    await Promise.all(channels.map(({ head }) => head));
  }

  #post(): void {
    this.#due += this.#subscribers;
    this.#poster.postTo!(roomName(this.#posted++ % this.#rooms));
  }

  #received(): void {
    this.#due--;
    if (this.#posted < this.#end) {
      if (this.#due <= (this.#outstanding - 1) * this.#subscribers) {
        this.#post();
      }
    } else if (this.#due === 0) {
      this.#settle?.resolve();
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#settle?.reject(error);
  }
}

function roomName(number: number): string {
  return `room/${number}`;
}
