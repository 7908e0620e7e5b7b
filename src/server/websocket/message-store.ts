import { chunkCost } from "../limits/unread-bytes.js";
import { ReceivedChunks } from "../util/received-chunks.js";

/** One complete WebSocket message. */
export interface Message {
  readonly data: Buffer;
  /** False for text, which is valid UTF-8. */
  readonly binary: boolean;
}

/** Where messages wait for their reader. */
export interface MessageStore {
  /** Their cost in memory, in bytes: empty messages are not free. */
  readonly bytes: number;
  readonly isEmpty: boolean;
  push(message: Message): void;
  /**
   * The next message, or several that were joined, of which `most` bytes are returned at a time;
   * undefined if there is none.
   */
  shift(most?: number): Message | undefined;
  clear(): void;
  /** Releases buffers of which the messages are only a part. */
  compact(): void;
}

/** Messages that stay separate. */
export class MessageList implements MessageStore {
  #messages: Message[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#messages.length === 0;
  }

  push(message: Message): void {
    this.#messages.push(message);
    this.#bytes += message.data.length + chunkCost;
  }

  shift(): Message | undefined {
    const message = this.#messages.shift();
    if (message) {
      this.#bytes -= message.data.length + chunkCost;
    }
    return message;
  }

  clear(): void {
    this.#messages = [];
    this.#bytes = 0;
  }

  compact(): void {
    this.#messages = this.#messages.map(({ data, binary }) => ({
      data: Buffer.from(data),
      binary,
    }));
  }
}

/**
 * Chunks of one body: their boundaries mean nothing, so all waiting chunks are joined into one
 * message.
 */
export class BodyChunks implements MessageStore {
  readonly #chunks = new ReceivedChunks();

  get bytes(): number {
    return this.#chunks.length;
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  push({ data }: Message): void {
    this.#chunks.push(data);
  }

  shift(most?: number): Message | undefined {
    return this.isEmpty ? undefined : { data: this.#chunks.take(most) as Buffer, binary: true };
  }

  clear(): void {
    this.#chunks.clear();
  }

  compact(): void {
    this.#chunks.compact();
  }
}
