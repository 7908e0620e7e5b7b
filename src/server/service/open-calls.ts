/** The calls that are under way, so that a stop can tell them and wait for them. */
export class OpenCalls {
  private readonly open = new Set<Entry>();
  private waiting: (() => void)[] = [];

  /** How many calls are under way. */
  get count(): number {
    return this.open.size;
  }

  /**
   * Counts a call; call what it returns, once, when the call has ended.
   *
   * @param onStop told when all calls are to end. Not by an abort signal: to add a listener
   *   to one takes longer the more there are.
   */
  enter(onStop: () => void): () => void {
    const entry = { onStop };
    this.open.add(entry);
    return () => {
      this.open.delete(entry);
      if (this.open.size === 0) {
        for (const wake of this.waiting.splice(0)) {
          wake();
        }
      }
    };
  }

  /** Tells all calls under way to end. */
  stop(): void {
    for (const { onStop } of this.open) {
      onStop();
    }
  }

  /** Resolves when no call is under way. */
  async none(): Promise<void> {
    if (this.open.size > 0) {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
      });
    }
  }
}

interface Entry {
  readonly onStop: () => void;
}
