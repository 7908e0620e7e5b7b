import { LinkedAbort, orAborted } from "../abort.js";
import type { ConnectionState, StateListener } from "../connection-state.js";
import type { Publisher } from "../publisher.js";
import type { Call } from "./call.js";
import type { ChatScreen } from "./chat-screen.js";
import { harmless } from "./chat-text.js";
import { createConnectionNotes } from "./connection-notes.js";
import { FirstConnection } from "./first-connection.js";
import { subscribeLive } from "./live-subscription.js";

/** So many lines are taken ahead of their answers. */
const maxAhead = 1024;

/** One chat: shows what is stored and what is added, and posts the lines of its screen. */
export class ChatSession {
  readonly #call: Call;
  readonly #screen: ChatScreen;
  readonly #first: FirstConnection;
  readonly #end: LinkedAbort;
  readonly #publisher: Publisher;
  readonly #notes: StateListener;
  #connection: ConnectionState["status"] = "connecting";
  readonly #historyShown = new Milestone();
  #isInputOver = false;
  #lastShown = 0n;
  #lastPosted = 0n;
  #unanswered = 0;
  #failed = 0;

  constructor(call: Call, screen: ChatScreen) {
    this.#call = call;
    this.#screen = screen;
    this.#first = new FirstConnection(call.signal, (state) => this.#takeState(state));
    this.#end = new LinkedAbort(this.#first.signal);
    this.#publisher = call.chatter.publisher({ signal: this.#end.signal });
    this.#notes = createConnectionNotes(call, (note) => screen.note(note));
  }

  /**
   * Runs until the input ends and its messages are shown. Rejects with what ends the reading
   * for good, when there is no server to begin with, and if lines were not posted.
   *
   * @param last so many stored messages are shown first
   */
  async run(last: number): Promise<void> {
    this.#showStatus();
    try {
      await orAborted(Promise.all([this.#read(last), this.#post()]), this.#first.signal);
    } finally {
      this.#end.abort(new Error("the chat has ended"));
      this.#first.end();
      // What it rejects with was told as it came.
      await this.#publisher.close().catch(() => {});
      this.#screen.close();
    }
    if (this.#screen.fault !== undefined) {
      throw this.#screen.fault;
    }
    if (this.#failed > 0) {
      const what = this.#failed === 1 ? "one of the lines was" : `${this.#failed} lines were`;
      throw new Error(`${what} not posted`);
    }
  }

  async #read(last: number): Promise<void> {
    const { chatter } = this.#call;
    const { signal } = this.#end;
    const { onState } = this.#first;
    try {
      // Before the history: nothing can be added between the two.
      const live = await subscribeLive(chatter, { signal, onState });
      if (last > 0) {
        for await (const message of chatter.history({ last, signal })) {
          await this.#show(message);
        }
      }
      this.#historyShown.reach();
      this.#endIfDone();
      for await (const message of live) {
        await this.#show(message);
        this.#endIfDone();
      }
    } catch (error) {
      this.#historyShown.miss(error);
      if (!signal.aborted) {
        throw error;
      }
    }
  }

  async #show(added: { sequence: bigint; sender: string; message: string }): Promise<void> {
    if (added.sequence > this.#lastShown) {
      this.#lastShown = added.sequence;
      await this.#screen.message(added.sender, added.message);
    }
  }

  async #post(): Promise<void> {
    const ahead: Promise<void>[] = [];
    for await (const line of this.#screen.lines) {
      if (line.trim() !== "") {
        if (ahead.length === maxAhead) {
          await ahead.shift();
        }
        ahead.push(this.#postLine(line));
      }
    }
    if (this.#screen.isInteractive && this.#unanswered > 0 && this.#connection !== "live") {
      this.#screen.note("waiting until what was typed is stored; Ctrl+C gives up");
    }
    await Promise.all(ahead);
    this.#isInputOver = true;
    this.#endIfDone();
  }

  async #postLine(line: string): Promise<void> {
    this.#unanswered++;
    this.#showStatus();
    try {
      // Else the history would have it, in the place of an older one.
      await this.#historyShown.promise;
      const { sequence } = await this.#publisher.post(line);
      this.#lastPosted = sequence;
    } catch (error) {
      this.#failed++;
      const fault = this.#call.signal.aborted ? "no answer yet" : "not posted";
      this.#screen.note(`${fault} (${this.#call.describe(error)}): ${harmless(line)}`);
    } finally {
      this.#unanswered--;
      this.#showStatus();
    }
  }

  #takeState(state: ConnectionState): void {
    this.#connection = state.status;
    this.#notes(state);
    this.#showStatus();
  }

  #showStatus(): void {
    const count = this.#unanswered;
    const unanswered = count === 0 ? "" : `, ${count} not stored yet`;
    const isLive = this.#connection === "live";
    this.#screen.status(isLive ? undefined : `${this.#connection}${unanswered}`);
  }

  /** What was posted is shown before the end; without a terminal what was stored before, too. */
  #endIfDone(): void {
    const hasRead = this.#historyShown.isReached || this.#screen.isInteractive;
    if (this.#isInputOver && hasRead && this.#lastShown >= this.#lastPosted) {
      this.#end.abort();
    }
  }
}

/** Something that is waited for, and that may not come to be. */
class Milestone {
  isReached = false;
  readonly promise: Promise<void>;
  #resolve!: () => void;
  #reject!: (reason: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.promise.catch(() => {}); // nobody may be waiting
  }

  reach(): void {
    this.isReached = true;
    this.#resolve();
  }

  miss(reason: unknown): void {
    this.#reject(reason);
  }
}
