import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** The attacker's address: another one than the bystander's, on the same machine. */
const localAddress = "127.0.0.9";

/** A connection of the attacker; what comes back is counted and thrown away. */
export class AttackerSocket {
  readonly #socket: Socket;
  #ended = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const end = () => {
      this.#ended = true;
    };
    socket
      .on("end", end)
      .on("close", end)
      .on("error", () => {}); // It is refused or cut off: that is what the attack tries.
  }

  /**
   * Opens a connection; undefined if the server accepts none. It is destroyed when the signal
   * aborts.
   */
  static async open(port: number, signal: AbortSignal): Promise<AttackerSocket | undefined> {
    if (signal.aborted) {
      return undefined;
    }
    const socket = connect({ port, host: "127.0.0.1", localAddress });
    socket.setNoDelay(true);
    const opened = new AttackerSocket(socket);
    const destroy = () => socket.destroy();
    signal.addEventListener("abort", destroy, { once: true });
    socket.once("close", () => signal.removeEventListener("abort", destroy));
    try {
      await once(socket, "connect");
    } catch {
      await sleep(20);
      return undefined;
    }
    return opened;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Called with everything that arrives. */
  onData(take: (bytes: Buffer) => void): void {
    this.#socket.on("data", take);
  }

  /** Throws away everything that arrives. */
  drain(): this {
    this.#socket.resume();
    return this;
  }

  /** Writes, and waits while the server reads no more, but never for longer than half a second. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#ended || this.#socket.write(bytes)) {
      await new Promise((resolve) => setImmediate(resolve));
      return;
    }
    const waiting = new AbortController();
    const { signal } = waiting;
    await Promise.race([
      once(this.#socket, "drain", { signal }),
      once(this.#socket, "close", { signal }),
      sleep(500, undefined, { signal }),
    ]).catch(() => {});
    waiting.abort();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** Runs a task on this many connections at once, with a new connection whenever one has ended. */
export async function onConnections(
  count: number,
  port: number,
  signal: AbortSignal,
  play: (socket: AttackerSocket) => Promise<void>,
): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async () => {
      while (!signal.aborted) {
        const socket = await AttackerSocket.open(port, signal);
        if (socket) {
          await play(socket);
          socket.destroy();
        }
      }
    }),
  );
}

/** Waits until the server has ended the connection, or the attack is over. */
export async function untilEnded(socket: AttackerSocket, signal: AbortSignal): Promise<void> {
  while (!socket.ended && !signal.aborted) {
    await sleep(50, undefined, { signal }).catch(() => {});
  }
}
