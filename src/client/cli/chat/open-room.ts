import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { LinkedAbort } from "../../../async/abort.js";
import { createDeferred } from "../../../async/deferred.js";
import type { ChatterClient } from "../../chatter-client.js";
import type { StateListener } from "../../connection-state.js";
import { subscribeLive } from "../live-subscription.js";

/** A message as a chat shows it. */
export interface ChatMessage {
  readonly sequence: bigint;
  readonly sender: string;
  readonly message: string;
  /** When the server stored it. */
  readonly at: Date;
}

interface Reading {
  /** How many stored messages are shown first. */
  readonly last: number;
  readonly onState: StateListener;
  readonly show: (message: ChatMessage) => Promise<void>;
}

/** The open room of a chat: its stored messages and the new ones, each once. */
export class OpenRoom {
  readonly name: string;
  /** The sequences of the last message that was shown, and of the last that was posted here. */
  lastShown = 0n;
  lastPosted = 0n;
  hasShownHistory = false;
  readonly #chatter: ChatterClient;
  readonly #end: LinkedAbort;
  readonly #ready = createDeferred<void>();

  /** @param signal closes it */
  constructor(chatter: ChatterClient, name: string, signal: AbortSignal) {
    this.#chatter = chatter;
    this.name = name;
    this.#end = new LinkedAbort(signal);
    this.#ready.promise.catch(() => {}); // nobody may be waiting
  }

  /**
   * Resolves when the stored messages were shown, or the room was left. Rejects with the error if
   * the room cannot be read.
   */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Reads until the room is closed. Rejects with the error that ends the reading for good. */
  async read({ last, onState, show }: Reading): Promise<void> {
    const { signal } = this.#end;
    const rooms = [this.name];
    const showOnce = async (added: Omit<ChatMessage, "at">, time: Timestamp | undefined) => {
      const { sequence, sender, message } = added;
      if (sequence > this.lastShown) {
        this.lastShown = sequence;
        await show({ sequence, sender, message, at: time ? timestampDate(time) : new Date() });
      }
    };
    try {
      // Before the history: nothing can be added between the two.
      const live = await subscribeLive(this.#chatter, { rooms, signal, onState });
      if (last > 0) {
        for await (const message of this.#chatter.history({ rooms, last, signal })) {
          await showOnce(message, message.sentAt);
        }
      }
      this.hasShownHistory = true;
      this.#ready.resolve();
      for await (const message of live) {
        await showOnce(message, message.addedAt);
      }
    } catch (error) {
      if (!signal.aborted) {
        this.#ready.reject(error);
        throw error;
      }
    } finally {
      this.#ready.resolve();
    }
  }

  close(): void {
    this.#end.abort(new Error("the room was closed"));
  }
}
