import { setImmediate } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { FairQueue } from "../../../async/fair-queue.js";
import { TurnQueue } from "../../util/turn-queue.js";
import { backlogError, closedError, idTakenError } from "../errors.js";
import type { AppendResult, NewMessage, OnStored } from "../message-log.js";
import type { LogObserver } from "../observer.js";
import { AppendCall } from "./append-call.js";
import { Backlog, waitingSize } from "./backlog.js";
import { type Commit, CommitBuilder } from "./commit.js";
import { CommitPlan } from "./commit-plan.js";
import { type DedupeWindow, hashId } from "./dedupe-window.js";
import { LogClock } from "./log-clock.js";

/*
 * Limits of one commit. The limit of work keeps the event loop's part of it to a few milliseconds;
 * the limit of bytes keeps one write short. Further messages wait for the next commit.
 */
const maxCommitBytes = 4 * 1024 * 1024;
/** A message without an id counts as 1. */
const maxCommitWork = 4096;
/** A message with an id counts as this many, because its id is hashed and looked up. */
const idWork = 4;

/*
 * Limits of one sender's turn in a commit while others wait: the sender's further messages come
 * after theirs. In work, as above, and in stored bytes; a turn may exceed them by one message.
 */
const turnWork = 64;
const turnBytes = 64 * 1024;

/**
 * Maximum number of calls that are answered in one turn of the event loop: each answer causes more
 * work, up to the write to its client.
 */
const answeredAtOnce = 64;

/** Approximate number of stored bytes besides a text. */
const messageOverhead = 80;

/** Minimum number of expired ids that a commit removes from the window: more than it adds. */
const expiredAtOnce = 1024;

/** The contents of a commit. */
interface ReadyCommit {
  /** Undefined: there is nothing to write. */
  readonly commit: Commit | undefined;
  /** Calls that need no further commit. */
  readonly done: readonly AppendCall[];
  /** Calls with messages in this commit that may need a further one. */
  readonly begun: Iterable<AppendCall>;
  /** Whether the commit is full. */
  readonly full: boolean;
}

interface OpenCommit {
  readonly plan: CommitPlan;
  work: number;
  /** Of the texts, and the bytes that are stored besides each. */
  bytes: number;
  readonly done: AppendCall[];
  /**
   * Calls with messages in the plan that may need a further commit, with the run of their last
   * message.
   */
  readonly begun: Map<AppendCall, number>;
}

/** The state while the messages of a commit are stored. */
interface Taking {
  readonly builder: CommitBuilder;
  readonly sentAt: number;
  /** The clock for the ages of ids. */
  readonly windowNow: number;
}

function isFull({ bytes, work }: OpenCommit): boolean {
  return bytes >= maxCommitBytes || work >= maxCommitWork;
}

/** The state of a log after which the next commit begins. */
export interface LogPlace {
  /** Sequence of the last message. */
  readonly head: number;
  /** When the log stored it, in milliseconds since 1970; 0 if there never was one. */
  readonly sentAt: number;
  /** Bytes of payload that the log has ever stored. */
  readonly totalBytes: number;
}

/**
 * Combines calls of `append` into commits, one at a time: messages that arrive during a commit are
 * collected for the next one, from all senders in turn. The sender of a call is that of its first
 * message. Ids are looked up when a message is added to a commit, so that the window never has to
 * wait: its ids are durable, or those of the commit that is being collected.
 *
 * It accepts calls from the beginning, and commits after `start`. After `stop`, it refuses calls
 * until the next `start`.
 */
export class GroupCommit {
  readonly #identity: string;
  readonly #window: DedupeWindow;
  readonly #write: (commit: Commit) => Promise<void>;
  readonly #observer: LogObserver | undefined;
  readonly #clock: LogClock;
  /** By sender. */
  readonly #queue = new FairQueue<AppendCall>();
  readonly #backlog = new Backlog();
  readonly #answers = new TurnQueue<AppendCall>(answeredAtOnce, (call) => call.answer(), true);
  #place: LogPlace | undefined;
  #fault: ConnectError | undefined;
  #running: Promise<void> | undefined;

  /** @param write makes a commit durable. If it rejects, all calls get its reason */
  constructor(
    identity: string,
    window: DedupeWindow,
    write: (commit: Commit) => Promise<void>,
    observer?: LogObserver,
    clock = new LogClock(),
  ) {
    this.#identity = identity;
    this.#window = window;
    this.#write = write;
    this.#observer = observer;
    this.#clock = clock;
  }

  /** Why calls are refused; undefined if they are accepted. */
  get fault(): ConnectError | undefined {
    return this.#fault;
  }

  /** Starts to commit after this state. */
  start(place: LogPlace): void {
    this.#clock.start(place.sentAt);
    this.#place = place;
    this.#fault = undefined;
    this.#run();
  }

  /** Refuses all waiting and future calls. A commit in progress continues. */
  stop(fault: ConnectError): void {
    this.#place = undefined;
    this.#fault = fault;
    this.#answers.flush();
    for (const call of this.#queue.drain()) {
      call.fail(fault);
    }
  }

  /** Waits for the commit in progress, then refuses all calls. */
  async close(): Promise<void> {
    this.#place = undefined;
    await this.#running;
    this.stop(closedError());
  }

  /** Resolves when no commit is in progress. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** See `MessageLog.append`. */
  append(messages: readonly NewMessage[], onStored?: OnStored): Promise<AppendResult> {
    if (this.#fault !== undefined) {
      return Promise.resolve({ positions: [], error: this.#fault });
    }
    if (messages.length === 0) {
      return Promise.resolve({ positions: [] });
    }
    const { sender } = messages[0]!;
    const size = waitingSize(messages);
    if (!this.#backlog.enter(sender, size)) {
      return Promise.resolve({ positions: [], error: backlogError() });
    }
    this.#observer?.appended();
    return new Promise((resolve) => {
      const answer = (result: AppendResult) => {
        this.#backlog.leave(sender, size);
        resolve(result);
      };
      this.#queue.push(sender, new AppendCall(messages, answer, onStored));
      this.#run();
    });
  }

  #run(): void {
    if (this.#running === undefined && this.#place !== undefined && this.#queue.size > 0) {
      this.#running = this.#commitAll().finally(() => {
        this.#running = undefined;
        this.#run();
      });
    }
  }

  async #commitAll(): Promise<void> {
    // Calls of the same turn of the event loop share the first commit.
    await Promise.resolve();
    while (this.#place !== undefined && this.#queue.size > 0) {
      const before = this.#place;
      const start = performance.now();
      const { commit, done, begun, full } = this.#collect(before);
      if (commit !== undefined) {
        try {
          await this.#write(commit);
        } catch (error) {
          const fault = ConnectError.from(error, Code.Unavailable);
          this.#answers.flush();
          for (const call of done) {
            call.fail(fault);
          }
          this.stop(fault);
          return;
        }
        this.#observer?.committed({
          messages: commit.last - before.head,
          bytes: commit.totalBytes - before.totalBytes,
          durationMs: performance.now() - start,
        });
        // close() has removed the state: the remaining calls are refused.
        this.#place &&= {
          head: commit.last,
          sentAt: commit.sentAt,
          totalBytes: commit.totalBytes,
        };
      }
      for (const call of begun) {
        call.settle();
      }
      for (const call of done) {
        this.#answers.add(call);
      }
      if (full && this.#queue.size > 0) {
        // There is more than one commit can have: other work runs first.
        await setImmediate();
      }
    }
  }

  /** Plans messages from the queue, of each sender in turn. */
  #collect(place: LogPlace): ReadyCommit {
    const open: OpenCommit = {
      plan: new CommitPlan(),
      work: 0,
      bytes: 0,
      done: [],
      begun: new Map(),
    };
    while (this.#queue.size > 0 && !isFull(open)) {
      this.#planTurn(open);
    }
    const builder = this.#takeAll(open.plan, place);
    const { done, begun } = open;
    const commit = builder.count > 0 ? builder.build() : undefined;
    return { commit, done, begun: begun.keys(), full: isFull(open) };
  }

  /** Plans the messages of the next sender, up to the limits of a turn and a commit. */
  #planTurn(open: OpenCommit): void {
    const { plan, done, begun } = open;
    const queue = this.#queue;
    const { keys } = queue;
    const endWork = keys > 1 ? open.work + turnWork : Number.POSITIVE_INFINITY;
    const endBytes = keys > 1 ? open.bytes + turnBytes : Number.POSITIVE_INFINITY;
    while (queue.keys === keys) {
      const call = queue.first!;
      let run = begun.get(call) ?? 0;
      for (let message = call.plan(); message !== undefined; message = call.plan()) {
        if (isFull(open) || open.work >= endWork || open.bytes >= endBytes) {
          call.postpone();
          begun.set(call, run);
          queue.rotate();
          return;
        }
        const textBytes = Buffer.byteLength(message.text);
        open.work += message.messageId === "" ? 1 : idWork;
        open.bytes += textBytes + messageOverhead;
        run = plan.add(call, message.room ?? "", textBytes, run);
      }
      done.push(call);
      queue.shift();
    }
  }

  /** Adds the messages to the commit in the order of the plan. */
  #takeAll({ runs }: CommitPlan, place: LogPlace): CommitBuilder {
    const sentAt = Math.max(this.#clock.now(), place.sentAt);
    const windowNow = this.#clock.nowFor(this.#window.windowMs);
    const builder = new CommitBuilder(this.#identity, sentAt, place.head, place.totalBytes);
    const taking = { builder, sentAt, windowNow };
    for (const { calls, textBytes } of runs) {
      for (let i = 0; i < calls.length; i++) {
        const call = calls[i]!;
        const message = call.next;
        if (message !== undefined) {
          this.#take(message, textBytes[i]!, call, taking); // Otherwise an earlier one was refused.
        }
      }
    }
    this.#window.expire(windowNow, expiredAtOnce + builder.count);
    return builder;
  }

  /** Adds the call's next message to the commit, or refuses it. */
  #take(message: NewMessage, textBytes: number, call: AppendCall, taking: Taking): void {
    const { builder, sentAt, windowNow } = taking;
    const { text, sender, messageId, room = "" } = message;
    if (messageId === "") {
      call.take({ sequence: builder.add(text, sender, undefined, room, textBytes), sentAt });
      return;
    }
    const hashed = hashId(sender, messageId, text, room);
    const known = this.#window.find(hashed, windowNow);
    if (known === undefined) {
      const sequence = builder.add(text, sender, hashed, room, textBytes);
      this.#window.add(hashed, sequence, sentAt);
      call.take({ sequence, sentAt });
    } else if (known.sameText) {
      call.take({ sequence: known.sequence, sentAt: known.sentAt });
      this.#observer?.repeated();
    } else {
      call.refuse(idTakenError({ id: JSON.stringify(messageId) }));
    }
  }
}
