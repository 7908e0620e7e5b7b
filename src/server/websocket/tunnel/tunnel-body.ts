import type { ConnectError } from "@connectrpc/connect";
import { compressedFlag } from "@connectrpc/connect/protocol";
import { formatCredit } from "../../../protocol/tunnel.js";
import { unknownEnvelopeFlags } from "../errors.js";
import type { MessageSocket } from "../message-socket.js";
import { EnvelopeTracker } from "./envelope-tracker.js";

/** Credit for the client's body is given in steps of this many bytes, so that it costs little. */
const creditStep = 64 * 1024;

export interface RequestBodyOptions {
  /** Called with the credit that the client is given. Undefined: the client does not use credit. */
  readonly onCredit: ((bytes: number) => void) | undefined;
  /** Whether the body consists of envelopes. */
  readonly isStream: boolean;
}

/**
 * The client's body, for the handler. In a stream, an envelope with flags that no request has is an
 * error, after what came before it: the handler would accept the message, or lose it, silently.
 */
export class RequestBody implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #socket: MessageSocket;
  readonly #options: RequestBodyOptions;
  readonly #envelopes = new EnvelopeTracker((flags, offset) => this.#check(flags, offset));
  #taken = 0;
  #fault: { readonly error: ConnectError; readonly offset: number } | undefined;

  constructor(socket: MessageSocket, options: RequestBodyOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#fault !== undefined) {
      throw this.#fault.error;
    }
    const result = await this.#socket.incoming.next();
    if (result.done === true) {
      return result;
    }
    const value = this.#take(result.value.data);
    return value.length > 0 ? { done: false, value } : this.next();
  }

  // Concurrently with a pending next(), for which a generator would wait.
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.#socket.incoming.return();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The valid part of a chunk. */
  #take(chunk: Uint8Array): Uint8Array {
    this.#taken += chunk.length;
    const { onCredit } = this.#options;
    if (onCredit && this.#taken >= creditStep && !this.#socket.left.aborted) {
      onCredit(this.#taken);
      // That the peer is gone is noticed elsewhere.
      this.#socket.send([formatCredit(this.#taken)]).catch(() => {});
      this.#taken = 0;
    }
    if (this.#options.isStream) {
      this.#envelopes.pass(chunk);
    }
    return chunk.subarray(0, this.#fault?.offset);
  }

  #check(flags: number, offset: number): void {
    if ((flags & ~compressedFlag) !== 0) {
      this.#fault ??= { error: unknownEnvelopeFlags({ flags }), offset };
    }
  }
}
