import { TurnQueue } from "../../util/turn-queue.js";

/** Maximum number of calls that are asked to end at once; more are asked one after the other. */
const fewCalls = 50;
/** Minimum number of calls that are asked to end each second. */
const leastPerSecond = 500;
const tickMs = 20;
/** Calls that end in one turn of the event loop when their tokens do. */
const endsPerTurn = 20;

/** The calls in progress, so that a stop can ask them to end and wait for them. */
export class OpenCalls {
  readonly #open = new Set<OpenCall>();
  readonly #ending = new TurnQueue<CallEnd>(endsPerTurn, (call) => {
    const reason = this.#reasons.get(call);
    this.#reasons.delete(call);
    call.abort(reason);
  });
  readonly #reasons = new Map<CallEnd, unknown>();
  #waiting: (() => void)[] = [];

  /** How many calls are in progress. */
  get count(): number {
    return this.#open.size;
  }

  /** Counts a call, until it leaves. */
  enter(call: OpenCall): void {
    this.#open.add(call);
  }

  /** The call has ended. */
  leave(call: OpenCall): void {
    this.#open.delete(call);
    if (this.#open.size === 0) {
      for (const wake of this.#waiting.splice(0)) {
        wake();
      }
    }
  }

  /**
   * Asks all calls in progress to end: a few at once; many spread over time, so that their clients
   * do not all return in the same instant, 500 a second, or faster if all are to be asked within
   * `spreadMs` milliseconds.
   */
  stop(spreadMs: number): void {
    const calls = this.#open.values();
    const perMs = Math.max(leastPerSecond / 1000, this.#open.size / spreadMs);
    const from = performance.now();
    let asked = 0;
    const tell = (count: number) => {
      for (; asked < count; asked++) {
        const { done, value } = calls.next();
        if (done) {
          clearInterval(timer);
          return;
        }
        value.stop();
      }
    };
    const timer = setInterval(() => tell((performance.now() - from) * perMs), tickMs);
    tell(this.#open.size > fewCalls && spreadMs > 0 ? 1 : Number.POSITIVE_INFINITY);
  }

  /** Makes all calls in progress check whether their token was revoked. */
  recheck(): void {
    for (const call of this.#open) {
      call.recheck();
    }
  }

  /**
   * Ends a call in one of the next turns of the event loop. The streams of a user, who may have
   * thousands, often end together: a few end in each turn, so that others are served meanwhile.
   */
  endInTurn(call: CallEnd, reason: unknown): void {
    this.#reasons.set(call, reason);
    this.#ending.add(call);
  }

  /** Resolves when no call is in progress. */
  async none(): Promise<void> {
    if (this.#open.size > 0) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }
}

/** Ends a call early. */
export interface CallEnd {
  /** The first reason counts; a call that is over is left alone. */
  abort(reason: unknown): void;
}

/** Called by its methods: adding a listener to an abort signal takes longer the more there are. */
export interface OpenCall extends CallEnd {
  /** The call must end, because all must. */
  stop(): void;
  /** The call must end in its turn if its token was revoked. */
  recheck(): void;
}
