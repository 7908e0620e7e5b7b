/** How often the line is updated, in milliseconds. */
const intervalMs = 250;
/** Number of intervals over which the rate is averaged. */
const rateIntervals = 8;

/** A line on the terminal that shows how many messages are done, and how fast. */
export class Progress {
  readonly #what: string;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #ticks: { readonly count: number; readonly at: number }[] = [];
  #count = 0;
  #isShown = false;

  /**
   * Nothing is written unless standard error is a terminal.
   *
   * @param what is done to the messages that are counted: "sent", "stored"
   * @param isWanted false: nothing is written. Default: whether the input is not a terminal,
   * because users who type need no progress
   */
  constructor(what: string, isWanted = !process.stdin.isTTY) {
    this.#what = what;
    if (process.stderr.isTTY && isWanted) {
      this.#timer = setInterval(() => this.#draw(), intervalMs);
      this.#draw();
    }
  }

  /** One more is done, or this many. */
  count(messages = 1): void {
    this.#count += messages;
  }

  /** Removes the line from the screen until it is drawn again: something else will be written. */
  hide(): void {
    if (this.#isShown) {
      this.#isShown = false;
      process.stderr.write("\r\u001b[K");
    }
  }

  /** Removes the line from the screen for good. */
  end(): void {
    clearInterval(this.#timer);
    this.hide();
  }

  #draw(): void {
    const count = this.#count;
    const at = performance.now();
    this.#ticks.push({ count, at });
    const first = this.#ticks[0] ?? { count, at };
    if (this.#ticks.length > rateIntervals) {
      this.#ticks.shift();
    }
    const rate = at > first.at ? Math.round(((count - first.count) * 1000) / (at - first.at)) : 0;
    this.#isShown = true;
    process.stderr.write(
      `\r\u001b[K${count.toLocaleString("en")} ${this.#what}, ${rate.toLocaleString("en")}/s`,
    );
  }
}
