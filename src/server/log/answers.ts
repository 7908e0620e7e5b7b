import type { AppendCall } from "./append-call.js";

/**
 * How many calls are answered in one turn of the event loop. What an answer sets going, up to
 * the write to its client, takes its time: all of a commit at once would keep others waiting.
 */
const answeredAtOnce = 64;

/** Answers calls that need no further commit, in order, some in each turn of the event loop. */
export class Answers {
  readonly #due: AppendCall[] = [];
  #turn: NodeJS.Immediate | undefined;

  /** The first are answered at once, if no others wait. */
  add(calls: readonly AppendCall[]): void {
    for (const call of calls) {
      this.#due.push(call);
    }
    if (this.#turn === undefined) {
      this.#answerSome();
    }
  }

  /** Answers all that wait. */
  flush(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#answer(this.#due.length);
  }

  readonly #answerSome = () => {
    this.#answer(answeredAtOnce);
    this.#turn = this.#due.length > 0 ? setImmediate(this.#answerSome) : undefined;
  };

  #answer(count: number): void {
    for (const call of this.#due.splice(0, count)) {
      call.answer();
    }
  }
}
