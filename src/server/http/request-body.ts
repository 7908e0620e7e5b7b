import type { Readable } from "node:stream";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Arrival, arrivals } from "../service/arrivals.js";

/** How much of a body may lie here before its stream is paused: then its sender waits. */
const maxPendingBytes = 256 * 1024;

/**
 * A request's body as it comes: everything that arrived in one turn of the event loop, or
 * while the taker was busy, is given in one piece. Nothing is read before the first piece is
 * asked for.
 *
 * A body that its client has cut is an error (`canceled`), never an end.
 */
export function readBody(stream: Readable): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => new BodyReader(stream) };
}

class BodyReader implements AsyncIterator<Uint8Array>, Arrival {
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;
  private outcome: { error?: ConnectError } | undefined;
  private started = false;
  private wake = () => {};

  constructor(private readonly stream: Readable) {}

  async next(): Promise<IteratorResult<Uint8Array>> {
    this.start();
    while (this.pending.length === 0) {
      if (this.outcome?.error) {
        throw this.outcome.error;
      }
      if (this.outcome) {
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    arrivals.delete(this);
    const value = this.pending.length === 1 ? this.pending[0]! : Buffer.concat(this.pending);
    this.pending = [];
    this.pendingBytes = 0;
    this.stream.resume();
    return { done: false, value };
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.end({});
    this.pending = [];
    // What still comes is let through, so that the connection goes on.
    this.stream.resume();
    return { done: true, value: undefined };
  }

  private start(): void {
    if (this.started) {
      return;
    }
    this.started = true;
    if (this.stream.readableEnded) {
      this.onEnd();
    } else if (this.stream.destroyed) {
      this.onClose();
    } else {
      this.stream.on("data", this.onData).once("end", this.onEnd).once("close", this.onClose);
    }
  }

  private end(outcome: { error?: ConnectError }): void {
    if (!this.outcome) {
      this.outcome = outcome;
      this.stream.off("data", this.onData).off("end", this.onEnd).off("close", this.onClose);
    }
    arrivals.delete(this);
    this.wake();
  }

  private readonly onData = (chunk: Uint8Array) => {
    this.pending.push(chunk);
    this.pendingBytes += chunk.length;
    if (this.pendingBytes >= maxPendingBytes) {
      this.stream.pause();
    }
    // HTTP/2 gives each DATA frame by itself, and promises would run between them: what
    // came in the same packet is to be taken together.
    arrivals.add(this);
  };

  /** The turn has come of what arrived. */
  handOn(): void {
    this.wake();
  }

  private readonly onEnd = () => {
    // Node lets a stream of HTTP/2 end whose connection was cut, too.
    if ("aborted" in this.stream && this.stream.aborted === true) {
      this.onClose();
    } else {
      this.end({});
    }
  };

  private readonly onClose = () =>
    this.end({ error: new ConnectError("the client left before its last message", Code.Canceled) });
}
