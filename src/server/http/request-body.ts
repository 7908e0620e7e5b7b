import type { Readable } from "node:stream";
import type { ConnectError } from "@connectrpc/connect";
import { isKnown } from "../limits/authenticated-connections.js";
import { chunkCost, type Unread, uncounted } from "../limits/unread-bytes.js";
import { clientLeft } from "../service/call/errors.js";
import { type Inbound, inboundTurns, unknownBytesAtOnce } from "../service/call/inbound-turns.js";
import type { ChunkResult } from "../util/chunk-result.js";
import { ReceivedChunks } from "../util/received-chunks.js";

/**
 * A request's body as it arrives: everything that arrived in one turn of the event loop, or while
 * the consumer was busy, is delivered in one chunk. Nothing is read before the first chunk is
 * requested. What waits here is counted; if there is too much of it, the body ends with
 * `resource_exhausted`.
 *
 * A connection without a valid token has one turn for each kilobyte, except the last one: it may
 * have sent many small messages that cost much.
 *
 * If the client cuts a body off, that is an error (`canceled`), never an end.
 */
export function readBody(stream: Readable, unread: Unread = uncounted): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => new BodyReader(stream, unread) };
}

class BodyReader implements AsyncIterator<Uint8Array>, Inbound {
  readonly #stream: Readable;
  readonly #unread: Unread;
  readonly #pending = new ReceivedChunks();
  #outcome: { error?: ConnectError } | undefined;
  #isStarted = false;
  /** Whether the connection is known; it stays so. */
  #wasKnown = false;
  /** Whether it waits for its turn: frames may be many, and small. */
  #isQueued = false;
  /** Whether its turn has come, and nothing was delivered in it yet. */
  #hasTurn = false;
  #node: PausedStream | undefined;
  /** Who waits for the next chunk. */
  #consumer: { resolve(result: ChunkResult): void; reject(reason: unknown): void } | undefined;

  constructor(stream: Readable, unread: Unread) {
    this.#stream = stream;
    this.#unread = unread;
  }

  next(): Promise<ChunkResult> {
    this.#start();
    return new Promise((resolve, reject) => {
      this.#consumer = { resolve, reject };
      this.#wake();
    });
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#drop({});
    return { done: true, value: undefined };
  }

  get connection(): object | undefined {
    return connectionOf(this.#stream);
  }

  get #isKnown(): boolean {
    if (!this.#wasKnown) {
      const { connection } = this;
      this.#wasKnown = connection !== undefined && isKnown(connection);
    }
    return this.#wasKnown;
  }

  /** Whether all of it has arrived. */
  get #isWhole(): boolean {
    return this.#outcome !== undefined && !this.#outcome.error;
  }

  get #needsTurn(): boolean {
    const isLast = this.#outcome !== undefined && this.#pending.length <= unknownBytesAtOnce;
    return !(this.#hasTurn || isLast || this.#outcome?.error || this.#isKnown);
  }

  /** Gives the consumer the next chunk, or the end, if it waits and there is one for it now. */
  #wake(): void {
    const consumer = this.#consumer;
    if (!consumer) {
      return;
    }
    if (this.#pending.length > 0 && this.#needsTurn) {
      this.#takeTurn();
    } else if (this.#pending.length > 0) {
      this.#consumer = undefined;
      consumer.resolve(this.#take());
    } else if (this.#outcome?.error) {
      this.#consumer = undefined;
      consumer.reject(this.#outcome.error);
    } else if (this.#outcome) {
      this.#consumer = undefined;
      consumer.resolve({ done: true, value: undefined });
    }
  }

  #take(): ChunkResult {
    this.#leaveTurns();
    this.#hasTurn = false;
    const value = this.#pending.take(this.#isKnown ? undefined : unknownBytesAtOnce);
    this.#unread.remove(value.length);
    if (this.#node && this.#pending.length <= this.#unread.readAhead / 2) {
      this.#resume();
    }
    const isLast = this.#pending.length === 0 && this.#isWhole;
    return { done: false, value, isLast };
  }

  #start(): void {
    if (this.#isStarted) {
      return;
    }
    this.#isStarted = true;
    if (this.#stream.readableEnded) {
      this.#onEnd();
    } else if (this.#stream.destroyed) {
      this.#onClose();
    } else {
      this.#stream.on("data", this.#onData).once("end", this.#onEnd).once("close", this.#onClose);
    }
  }

  #end(outcome: { error?: ConnectError }): void {
    if (!this.#outcome) {
      this.#outcome = outcome;
      this.#stream.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onClose);
    }
    this.#leaveTurns();
    this.#wake();
  }

  /**
   * Ends without what has arrived. What still arrives is dropped, so that the connection continues.
   */
  #drop(outcome: { error?: ConnectError }): void {
    this.#unread.remove(this.#pending.length);
    this.#pending.clear();
    this.#end(outcome);
    this.#resume();
  }

  #resume(): void {
    this.#node?.release();
    this.#node = undefined;
    this.#stream.resume();
  }

  readonly #onData = (chunk: Uint8Array) => {
    this.#pending.push(chunk);
    const error = this.#unread.add(chunk.length);
    if (error) {
      this.#drop({ error });
      return;
    }
    if (!this.#node && this.#pending.length >= this.#unread.readAhead) {
      this.#stream.pause();
      this.#node = new PausedStream(this.#stream, this.#unread, (error) => this.#drop({ error }));
      this.#node.count(this.#stream.readableLength);
      if (this.#outcome) {
        return; // That was too much.
      }
    }
    // HTTP/2 delivers each DATA frame by itself, and promises would run between them: what came in
    // the same packet is to be taken together.
    this.#takeTurn();
  };

  /** It is the turn of what has arrived. */
  deliver(): void {
    this.#isQueued = false;
    this.#hasTurn = true;
    this.#wake();
  }

  #takeTurn(): void {
    if (!this.#isQueued) {
      this.#isQueued = true;
      inboundTurns.add(this);
    }
  }

  #leaveTurns(): void {
    if (this.#isQueued) {
      this.#isQueued = false;
      inboundTurns.delete(this);
    }
  }

  readonly #onEnd = () => {
    // Node reports "end" also for an HTTP/2 stream whose connection was cut.
    if ("aborted" in this.#stream && this.#stream.aborted === true) {
      this.#onClose();
    } else {
      this.#end({});
    }
  };

  readonly #onClose = () =>
    this.#end({
      error: clientLeft(" before its last message"),
    });
}

/**
 * Counts what a paused stream holds: its sender may fill its HTTP/2 window one byte at a time, and
 * Node keeps each chunk separately.
 */
class PausedStream {
  readonly #stream: Readable;
  readonly #unread: Unread;
  readonly #push: Readable["push"];
  readonly #onTooMuch: (error: ConnectError) => void;
  #held = 0;

  constructor(stream: Readable, unread: Unread, onTooMuch: (error: ConnectError) => void) {
    this.#stream = stream;
    this.#unread = unread;
    this.#push = stream.push;
    this.#onTooMuch = onTooMuch;
    stream.push = (chunk: Uint8Array | null, encoding) => {
      const isTaken = this.#push.call(stream, chunk, encoding);
      if (chunk) {
        this.count(chunk.length + chunkCost);
      }
      return isTaken;
    };
  }

  count(bytes: number): void {
    this.#held += bytes;
    const error = this.#unread.add(bytes);
    if (error) {
      this.#onTooMuch(error);
    }
  }

  release(): void {
    this.#stream.push = this.#push;
    this.#unread.remove(this.#held);
    this.#held = 0;
  }
}

/** The connection of a request's stream: an HTTP/2 session, or an HTTP/1 socket. */
function connectionOf(
  request: Readable & {
    readonly stream?: { readonly session?: object };
    readonly session?: object;
    readonly socket?: object;
  },
): object | undefined {
  return request.stream?.session ?? request.session ?? request.socket;
}
