import type { ConnectError } from "@connectrpc/connect";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import type {
  AppendResult,
  Batch,
  HeadListener,
  MessageLog,
  NewMessage,
  OnStored,
  ReadOptions,
  RoomsQuery,
} from "../../src/server/log/message-log.js";

/** A memory log that a test can watch, hold up and break. */
export class FaultyLog implements MessageLog {
  /** Set: posts are refused with it. */
  writeFault: ConnectError | undefined;
  /** How many listen to the head: all subscribers listen as one. */
  waiting = 0;
  /** Called for every append before it is stored; what it returns is awaited first. */
  beforeAppend: (messages: readonly NewMessage[]) => Promise<void> | void = () => {};
  /** Called for every read before it is done. */
  beforeRead: (after: number) => void = () => {};
  readonly #inner: MessageLog;

  constructor(inner = createMemoryLog()) {
    this.#inner = inner;
  }

  get identity() {
    return this.#inner.identity;
  }
  get head() {
    return this.#inner.head;
  }
  get first() {
    return this.#inner.first;
  }

  async append(messages: readonly NewMessage[], onStored?: OnStored): Promise<AppendResult> {
    await this.beforeAppend(messages);
    return this.writeFault
      ? { positions: [], error: this.writeFault }
      : this.#inner.append(messages, onStored);
  }

  read(after: number, options?: ReadOptions): Batch | undefined | Promise<Batch | undefined> {
    this.beforeRead(after);
    return this.#inner.read(after, options);
  }

  reaches(sequence: number) {
    return this.#inner.reaches(sequence);
  }

  listen(listener: HeadListener) {
    this.waiting++;
    const unlisten = this.#inner.listen(listener);
    return () => {
      this.waiting--;
      unlisten();
    };
  }

  beforeLast(...args: Parameters<MessageLog["beforeLast"]>) {
    return this.#inner.beforeLast(...args);
  }

  rooms(query: RoomsQuery) {
    return this.#inner.rooms(query);
  }

  close() {
    return this.#inner.close();
  }
}
