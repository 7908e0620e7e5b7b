/** Lines for one loop, as they come. */
export class LineQueue implements AsyncIterable<string> {
  readonly #lines: string[] = [];
  #isOver = false;
  #wake = () => {};

  push(line: string): void {
    this.#lines.push(line);
    this.#wake();
  }

  /** No more lines come. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    for (;;) {
      for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
        yield line;
      }
      if (this.#isOver) {
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
