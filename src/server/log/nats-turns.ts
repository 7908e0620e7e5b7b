import { within } from "./within.js";

/** How many posts may be on their way at the same time, of all calls together. */
const maxUnanswered = 512;

/** A post that waits until it may be on its way. */
interface Turn {
  state: "waiting" | "taken" | "gone";
  take(): void;
}

/** Lets a bounded number of posts be on their way; more wait, first come, first served. */
export class NatsTurns {
  readonly #waiting: Turn[] = [];
  #taken = 0;

  /** Resolves when a post may be on its way; to false if that is not in time. */
  async take(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.#taken < maxUnanswered) {
      this.#taken++;
      return true;
    }
    const turn: Turn = { state: "waiting", take: () => {} };
    const taken = new Promise<void>((resolve) => {
      turn.take = resolve;
    });
    this.#waiting.push(turn);
    await within(taken, timeoutMs, signal);
    if (turn.state === "taken") {
      return true;
    }
    turn.state = "gone";
    return false;
  }

  /** The post of a turn that was taken is no longer on its way. */
  give(): void {
    let next = this.#waiting.shift();
    while (next?.state === "gone") {
      next = this.#waiting.shift();
    }
    if (next === undefined) {
      this.#taken--;
    } else {
      next.state = "taken";
      next.take();
    }
  }
}
