import { stoppingError } from "../call/errors.js";

/** Reports that a call must end: its signal, or the source of that signal. */
export interface Aborting {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: { handleEvent(): void }): void;
  removeEventListener(type: "abort", listener: { handleEvent(): void }): void;
}

/**
 * How long an append may continue after the call's deadline, in milliseconds: less than the call
 * has to end by itself. A stop has its own, longer grace period.
 */
const logGraceMs = 150;

/** Waits for the log, but hardly longer than until the call's deadline. */
export class AppendGrace {
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;
  #isStopping: boolean;
  #giveUp = (_reason: unknown) => {};
  readonly #aborting: Aborting;

  constructor(aborting: Aborting) {
    this.#aborting = aborting;
    this.#isStopping = aborting.aborted && aborting.reason === stoppingError();

    aborting.addEventListener("abort", this);
  }

  /** Whether the call must end because the server stops. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  await<T>(appended: Promise<T>): Promise<T> {
    return this.settle((resolve, reject) => appended.then(resolve, reject));
  }

  /** As `await`, for what will call one of the two functions. */
  settle<T>(start: (resolve: (value: T) => void, reject: (reason: unknown) => void) => void) {
    return new Promise<T>((resolve, reject) => {
      this.#giveUp = reject;
      start(resolve, reject);
      if (this.#isOver) {
        reject(this.#aborting.reason);
      }
    });
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#aborting.removeEventListener("abort", this);
  }

  /** The call must end. */
  handleEvent(): void {
    if (this.#aborting.reason === stoppingError()) {
      this.#isStopping = true;
    } else {
      this.#timer = setTimeout(() => {
        this.#isOver = true;
        this.#giveUp(this.#aborting.reason);
      }, logGraceMs);
    }
  }
}
