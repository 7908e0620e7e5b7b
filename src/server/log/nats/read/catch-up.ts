import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { encodeBatches } from "../../../encoding/stream-payload.js";
import { RoomSelection } from "../../../rooms/room-selection.js";
import type { Logger } from "../../../util/logger.js";
import type { Batch } from "../../message-log.js";
import type { NatsSession } from "../session.js";
import type { NatsStream } from "../stream.js";
import { MalformedMessages } from "./malformed.js";
import { NatsReader } from "./reader.js";
import { type ReadRequest, SharedReads } from "./shared-reads.js";

/** Maximum number of idle consumers that are kept. */
const maxIdle = 8;

/** An idle consumer is removed after this time, in milliseconds. */
const idleMs = 3000;
const pauseMs = 250;

interface IdleReader {
  readonly reader: NatsReader;
  readonly timer: NodeJS.Timeout;
}

/**
 * Reads messages of all rooms that are no longer in memory, with short-lived consumers: a few at a
 * time, shared by readers at the same position.
 */
export class NatsCatchUp {
  readonly #session: NatsSession;
  readonly #stream: NatsStream;
  readonly #check: (after: number) => Promise<unknown>;
  readonly #logger: Logger | undefined;
  readonly #malformed: MalformedMessages;
  readonly #closing = new AbortController();
  readonly #reads = new SharedReads((request) => this.#serve(request));
  /** Idle readers, the most recently used one at the end. */
  #idle: IdleReader[] = [];

  /**
   * @param check rejects with a `ConnectError` if the messages after a sequence are not kept, with
   *   any other error if that cannot be known now
   */
  constructor(
    session: NatsSession,
    stream: NatsStream,
    check: (after: number) => Promise<unknown>,
    logger?: Logger,
    malformed = new MalformedMessages(logger),
  ) {
    this.#session = session;
    this.#stream = stream;
    this.#check = check;
    this.#logger = logger;
    this.#malformed = malformed;
  }

  /**
   * A batch of the messages after `after`, of a log that has messages up to `through` at least.
   * While JetStream is unavailable, it waits. Rejects with the signal's reason, or with the error
   * of `check`. Resolves to undefined, after a while, if none of the later messages is Chatter's.
   */
  read(after: number, through: number, signal?: AbortSignal): Promise<Batch | undefined> {
    return this.#reads.read(after, through, RoomSelection.all, signal);
  }

  /** Removes all readers. Waiting calls reject with the error. */
  async close(error: Error): Promise<void> {
    this.#closing.abort();
    await this.#reads.close(error);
    await Promise.all(this.#idle.splice(0).map(letGo));
  }

  /** Serves a request until it has messages, or until no reader waits for it. */
  async #serve(request: ReadRequest): Promise<void> {
    const { signal } = this.#closing;
    const { after } = request;
    /** No message after `after` and up to here is Chatter's. */
    let at = after;
    let reader = request.waiting > 0 ? this.#idleAt(after) : undefined;
    while (request.waiting > 0 && !signal.aborted) {
      try {
        await this.#session.connected;
        reader ??= await NatsReader.open(this.#session, this.#stream, at);
        let messages = await reader.read(request.through - at);
        if (messages[0]?.sequence !== at + 1) {
          await this.#check(after);
          const missing = await this.#stream.messages(at, request.through);
          if (missing.length > 0) {
            // The consumer has skipped them: its node may not have all messages.
            await reader.close();
            reader = undefined;
            messages = missing;
          } else if (messages.length > 0) {
            const last = messages[0]!.sequence - 1;
            this.#logger?.error({ first: at + 1, last }, "the stream has lost messages");
          }
        }
        const ours = this.#malformed.sift(messages, this.#stream.subject);
        if (ours.length > 0) {
          request.resolve(this.#reads.keep(request, encodeBatches(this.#stream.identity, ours)));
          break;
        }
        at = messages.at(-1)?.sequence ?? at;
        if (Math.max(at, reader?.after ?? 0) >= request.through) {
          await sleep(pauseMs, undefined, { signal });
          request.resolve(undefined);
          break;
        }
        if (messages.length > 0) {
          continue;
        }
      } catch (error) {
        if (error instanceof ConnectError) {
          request.reject(error);
          break;
        }
        // JetStream is unavailable, or the reader's consumer is gone.
        await reader?.close();
        reader = undefined;
      }
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
    }
    if (reader !== undefined) {
      this.#park(reader);
    }
  }

  /** The idle reader at a position. */
  #idleAt(after: number): NatsReader | undefined {
    const index = this.#idle.findIndex(({ reader }) => reader.after === after);
    if (index < 0) {
      return undefined;
    }
    const [{ reader, timer }] = this.#idle.splice(index, 1) as [IdleReader];
    clearTimeout(timer);
    return reader;
  }

  #park(reader: NatsReader): void {
    const idle = { reader, timer: setTimeout(() => this.#forget(idle), idleMs) };
    this.#idle.push(idle);
    if (this.#idle.length > maxIdle) {
      this.#forget(this.#idle[0]!);
    }
  }

  #forget(idle: IdleReader): void {
    this.#idle = this.#idle.filter((other) => other !== idle);
    void letGo(idle);
  }
}

function letGo({ reader, timer }: IdleReader): Promise<void> {
  clearTimeout(timer);
  return reader.close();
}
