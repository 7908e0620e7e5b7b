import { FairQueue } from "../../../../async/fair-queue.js";
import { within } from "../../../../async/with-timeout.js";

/** Maximum number of posts in flight, unless it is set otherwise. */
const maxUnanswered = 512;

/** A post that waits until it may be sent. */
interface PendingPost {
  state: "waiting" | "acquired" | "gone";
  acquire(): void;
}

/** Limits the number of posts in flight; the others wait, those of each sender in turn. */
export class InFlightLimit {
  readonly #most: number;
  readonly #waiting = new FairQueue<PendingPost>();
  #inFlight = 0;

  /** @param most maximum number of posts in flight, of all calls together */
  constructor(most = maxUnanswered) {
    this.#most = most;
  }

  /** Whether a post may be sent at once; if so, it counts as in flight. */
  acquireNow(): boolean {
    const isFree = this.#inFlight < this.#most;
    this.#inFlight += Number(isFree);
    return isFree;
  }

  /** Resolves when a post may be sent; to false if that takes too long. */
  async acquire(sender: string, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.acquireNow()) {
      return true;
    }
    const post: PendingPost = { state: "waiting", acquire: () => {} };
    const acquired = new Promise<void>((resolve) => {
      post.acquire = resolve;
    });
    this.#waiting.push(sender, post);
    await within(acquired, timeoutMs, signal);
    if (post.state === "acquired") {
      return true;
    }
    post.state = "gone";
    return false;
  }

  /** A post that was acquired is no longer in flight. */
  release(): void {
    let next = this.#waiting.take();
    while (next?.state === "gone") {
      next = this.#waiting.take();
    }
    if (next === undefined) {
      this.#inFlight--;
    } else {
      next.state = "acquired";
      next.acquire();
    }
  }
}
