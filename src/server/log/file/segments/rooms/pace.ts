import { setImmediate } from "node:timers/promises";

/** How long work runs before it yields to the event loop, in milliseconds. */
const turnMs = 4;

/** Keeps long work from blocking the event loop. */
export class Pace {
  #begun = performance.now();

  /** Resolves at once, or after other work has run. Call it every few microseconds of work. */
  async rest(): Promise<void> {
    if (performance.now() - this.#begun > turnMs) {
      await setImmediate();
      this.#begun = performance.now();
    }
  }
}
