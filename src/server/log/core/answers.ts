import type { AppendCall } from "./append-call.js";

/**
 * Maximum number of calls that are answered in one turn of the event loop: each answer causes more
 * work, up to the write to its client.
 */
const answeredAtOnce = 64;

/** Calls that need no further commit: answered in order, and at once while their turn has room. */
export class Answers {
  /** Those that wait, from `#next` on. */
  #waiting: AppendCall[] = [];
  #next = 0;
  /** How many calls were answered since the last turn ended. */
  #answered = 0;
  #turn: NodeJS.Immediate | undefined;

  add(call: AppendCall): void {
    this.#turn ??= setImmediate(this.#onTurn);
    if (this.#answered < answeredAtOnce && this.#next === this.#waiting.length) {
      this.#answered++;
      call.answer();
    } else {
      this.#waiting.push(call);
    }
  }

  /** Answers all waiting calls now. */
  flush(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#answered = 0;
    this.#answer(this.#waiting.length);
  }

  readonly #onTurn = () => {
    const count = answeredAtOnce - this.#answered;
    this.#answered = 0;
    this.#turn = undefined;
    this.#answer(count);
    if (this.#next < this.#waiting.length) {
      this.#turn ??= setImmediate(this.#onTurn);
    }
  };

  #answer(count: number): void {
    const end = Math.min(this.#waiting.length, this.#next + count);
    while (this.#next < end) {
      this.#waiting[this.#next++]!.answer();
    }
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
  }
}
