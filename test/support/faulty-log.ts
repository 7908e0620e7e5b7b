import type { ConnectError } from "@connectrpc/connect";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import type {
  AppendResult,
  Batch,
  MessageLog,
  NewMessage,
  ReadOptions,
} from "../../src/server/log/message-log.js";

/** A memory log that a test can watch, hold up and break. */
export class FaultyLog implements MessageLog {
  /** Set: posts are refused with it. */
  writeFault: ConnectError | undefined;
  /** How many readers wait for the head to move. */
  waiting = 0;
  /** Told of every append before it is stored; what it returns is awaited first. */
  beforeAppend: (messages: readonly NewMessage[]) => Promise<void> | void = () => {};
  /** Told of every read before it is done. */
  beforeRead: (after: number) => void = () => {};

  constructor(private readonly inner = createMemoryLog()) {}

  get identity() {
    return this.inner.identity;
  }
  get head() {
    return this.inner.head;
  }
  get first() {
    return this.inner.first;
  }

  async append(messages: readonly NewMessage[]): Promise<AppendResult> {
    await this.beforeAppend(messages);
    return this.writeFault
      ? { positions: [], error: this.writeFault }
      : this.inner.append(messages);
  }

  read(after: number, options?: ReadOptions): Batch | undefined | Promise<Batch | undefined> {
    this.beforeRead(after);
    return this.inner.read(after, options);
  }

  async wait(after: number, signal: AbortSignal): Promise<void> {
    this.waiting++;
    try {
      await this.inner.wait(after, signal);
    } finally {
      this.waiting--;
    }
  }

  reaches(sequence: number) {
    return this.inner.reaches(sequence);
  }

  beforeLast(count: number) {
    return this.inner.beforeLast(count);
  }

  close() {
    return this.inner.close();
  }
}
