import { setImmediate } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { TurnQueue } from "../turn-queue.js";
import { AppendCall } from "./append-call.js";
import { type Commit, CommitBuilder } from "./commit.js";
import { type DedupeWindow, hashId } from "./dedupe-window.js";
import { backlogError, closedError, idTakenError } from "./log-errors.js";
import type { LogObserver } from "./log-observer.js";
import type { AppendResult, NewMessage } from "./message-log.js";

/*
 * Bounds of one commit. The work keeps the time that it takes from the event loop to a few
 * milliseconds; the bytes keep one write short. What is beyond waits for the next.
 */
const maxCommitBytes = 4 * 1024 * 1024;
/** In messages without an id. */
const maxCommitWork = 4096;
/** What one with an id takes, which is hashed and looked up. */
const idWork = 4;

/** Characters of text that may wait for a commit and an answer, of all callers together. */
const maxWaitingLength = 256 * 1024 * 1024;

/**
 * Calls that are answered in one turn of the event loop. What an answer sets going, up to the
 * write to its client, takes its time.
 */
const answeredAtOnce = 64;

/** Ids that are dropped from the window at each commit, at least: more than come in. */
const expiredAtOnce = 1024;

/** Where a log stands: what the next commit goes on from. */
export interface LogPlace {
  /** Sequence of the last message. */
  readonly head: number;
  /** When the log took it, in milliseconds since 1970; 0 if there never was one. */
  readonly sentAt: number;
  /** Bytes of payload that the log ever took. */
  readonly totalBytes: number;
}

/**
 * Turns calls of `append` into commits, one at a time: what arrives while one is under way
 * is gathered for the next. Ids are looked up when a message is taken into a commit, so that
 * the window never has to wait: what it holds is durable or in the commit being gathered.
 *
 * It takes calls from the start and commits once `start` has said where the log stands;
 * after `stop` it refuses them until it is started again.
 */
export class GroupCommit {
  readonly #identity: string;
  readonly #window: DedupeWindow;
  readonly #write: (commit: Commit) => Promise<void>;
  readonly #observer: LogObserver | undefined;
  readonly #queue: AppendCall[] = [];
  /** Calls that need no further commit. */
  readonly #answers = new TurnQueue<AppendCall>(answeredAtOnce, (call) => call.answer());
  #waitingLength = 0;
  #place: LogPlace | undefined;
  #fault: ConnectError | undefined;
  #running: Promise<void> | undefined;

  /** `write` makes a commit durable. If it rejects, that is the reason all calls get. */
  constructor(
    identity: string,
    window: DedupeWindow,
    write: (commit: Commit) => Promise<void>,
    observer?: LogObserver,
  ) {
    this.#identity = identity;
    this.#window = window;
    this.#write = write;
    this.#observer = observer;
  }

  /** Why calls are refused; undefined if they are not. */
  get fault(): ConnectError | undefined {
    return this.#fault;
  }

  /** Begins to commit after this place. */
  start(place: LogPlace): void {
    this.#place = place;
    this.#fault = undefined;
    this.#run();
  }

  /** Refuses all calls, those that wait and those that come. A commit under way goes on. */
  stop(fault: ConnectError): void {
    this.#place = undefined;
    this.#fault = fault;
    this.#answers.flush();
    for (const call of this.#queue.splice(0)) {
      call.fail(fault);
    }
  }

  /** Waits for the commit under way, then refuses all calls. */
  async close(): Promise<void> {
    this.#place = undefined;
    await this.#running;
    this.stop(closedError());
  }

  /** Resolves when no commit is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** See `MessageLog.append`. */
  append(messages: readonly NewMessage[]): Promise<AppendResult> {
    if (this.#fault !== undefined) {
      return Promise.resolve({ positions: [], error: this.#fault });
    }
    if (messages.length === 0) {
      return Promise.resolve({ positions: [] });
    }
    let length = 0;
    for (const { text } of messages) {
      length += text.length;
    }
    if (this.#waitingLength > 0 && this.#waitingLength + length > maxWaitingLength) {
      return Promise.resolve({ positions: [], error: backlogError() });
    }
    this.#waitingLength += length;
    this.#observer?.appended();
    return new Promise((resolve) => {
      const answer = (result: AppendResult) => {
        this.#waitingLength -= length;
        resolve(result);
      };
      this.#queue.push(new AppendCall(messages, answer));
      this.#run();
    });
  }

  #run(): void {
    if (this.#running === undefined && this.#place !== undefined && this.#queue.length > 0) {
      this.#running = this.#commitAll().finally(() => {
        this.#running = undefined;
        this.#run();
      });
    }
  }

  async #commitAll(): Promise<void> {
    // Calls of the same turn of the event loop share the first commit.
    await Promise.resolve();
    while (this.#place !== undefined && this.#queue.length > 0) {
      const before = this.#place;
      const start = performance.now();
      const { commit, done } = this.#gather(before);
      if (commit !== undefined) {
        try {
          await this.#write(commit);
        } catch (error) {
          this.#queue.unshift(...done);
          this.stop(ConnectError.from(error, Code.Unavailable));
          return;
        }
        this.#observer?.committed({
          messages: commit.last - before.head,
          bytes: commit.totalBytes - before.totalBytes,
          durationMs: performance.now() - start,
        });
        // close() has taken the place away: what is left is refused.
        this.#place &&= {
          head: commit.last,
          sentAt: commit.sentAt,
          totalBytes: commit.totalBytes,
        };
      } else if (this.#queue.length > 0) {
        // Nothing but repeats: let others have the event loop, as a write would have.
        await setImmediate();
      }
      this.#queue[0]?.settle();
      for (const call of done) {
        this.#answers.add(call);
      }
    }
  }

  /** Takes messages from the queue. `done` are the calls that need no further commit. */
  #gather(place: LogPlace): { commit: Commit | undefined; done: AppendCall[] } {
    const sentAt = Math.max(Date.now(), place.sentAt);
    const builder = new CommitBuilder(this.#identity, sentAt, place.head, place.totalBytes);
    let taken = 0;
    let work = 0;
    while (taken < this.#queue.length) {
      const call = this.#queue[taken]!;
      for (let message = call.next; message !== undefined; message = call.next) {
        if (builder.bytes >= maxCommitBytes || work >= maxCommitWork) {
          return this.#gathered(builder, sentAt, taken);
        }
        work += message.messageId === "" ? 1 : idWork;
        this.#take(message, call, builder, sentAt);
      }
      taken++;
    }
    return this.#gathered(builder, sentAt, taken);
  }

  #gathered(builder: CommitBuilder, sentAt: number, taken: number) {
    this.#window.expire(sentAt, expiredAtOnce + builder.count);
    return {
      commit: builder.count > 0 ? builder.build() : undefined,
      done: this.#queue.splice(0, taken),
    };
  }

  /** Gives the message that is the call's next its place, or refuses it. */
  #take(message: NewMessage, call: AppendCall, builder: CommitBuilder, sentAt: number): void {
    const { text, sender, messageId } = message;
    if (messageId === "") {
      call.take({ sequence: builder.add(text, sender, undefined), sentAt });
      return;
    }
    const hashed = hashId(sender, messageId, text);
    const known = this.#window.find(hashed, sentAt);
    if (known === undefined) {
      const sequence = builder.add(text, sender, hashed);
      this.#window.add(hashed, sequence, sentAt);
      call.take({ sequence, sentAt });
    } else if (known.sameText) {
      call.take({ sequence: known.sequence, sentAt: known.sentAt });
      this.#observer?.repeated();
    } else {
      call.refuse(idTakenError(messageId));
    }
  }
}
