/** Counts the calls that are under way, so that a stop can wait for them. */
export class OpenCalls {
  private open = 0;
  private waiting: (() => void)[] = [];

  /** How many calls are under way. */
  get count(): number {
    return this.open;
  }

  /** Counts a call; call what it returns, once, when the call has ended. */
  enter(): () => void {
    this.open++;
    return () => {
      this.open--;
      if (this.open === 0) {
        for (const wake of this.waiting.splice(0)) {
          wake();
        }
      }
    };
  }

  /** Resolves when no call is under way. */
  async none(): Promise<void> {
    if (this.open > 0) {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
      });
    }
  }
}
