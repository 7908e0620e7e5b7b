import { ConnectError } from "@connectrpc/connect";

/** Everything that comes, as a list. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) {
    all.push(item);
  }
  return all;
}

/** The error that a promise or a stream ends with; fails if it ends well. */
export async function errorOf(
  outcome: Promise<unknown> | AsyncIterable<unknown>,
): Promise<ConnectError> {
  try {
    await (Symbol.asyncIterator in outcome ? collect(outcome) : outcome);
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("it ended well");
}

/** A request stream that a test writes to by hand. */
export class Outbox<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  #ended = false;
  #wake = () => {};

  send(...items: T[]): void {
    this.#items.push(...items);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      if (this.#items.length > 0) {
        yield this.#items.shift()!;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/** Waits until a condition holds, checking every 10 ms; fails with the text after 25 s. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 25_000;
  while (!(await isSo())) {
    if (performance.now() > end) {
      throw new Error(`waited in vain for this: ${what}`);
    }
    await sleep(10);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** How many rounds a long test has: `few`, times CHATTER_TEST_ROUNDS. */
export function rounds(few: number): number {
  return Math.max(1, Math.round(few * Number(process.env.CHATTER_TEST_ROUNDS ?? 1)));
}
