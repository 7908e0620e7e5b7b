import { FairQueue } from "../../../../async/fair-queue.js";
import { within } from "../../../../async/with-timeout.js";

/** How many posts may be on their way at the same time, unless it is said otherwise. */
const maxUnanswered = 512;

/** A post that waits until it may be on its way. */
interface PendingPost {
  state: "waiting" | "acquired" | "gone";
  acquire(): void;
}

/** Lets a bounded number of posts be on their way; more wait, those of each sender in turn. */
export class InFlightLimit {
  readonly #most: number;
  readonly #waiting = new FairQueue<PendingPost>();
  #inFlight = 0;

  /** @param most how many may be on their way at the same time, of all calls together */
  constructor(most = maxUnanswered) {
    this.#most = most;
  }

  /** Whether a post may be on its way at once; if so, it is. */
  acquireNow(): boolean {
    const isFree = this.#inFlight < this.#most;
    this.#inFlight += Number(isFree);
    return isFree;
  }

  /** Resolves when a post may be on its way; to false if that is not in time. */
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

  /** A post that was acquired is no longer on its way. */
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
