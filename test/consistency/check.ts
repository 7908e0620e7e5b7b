import { Code } from "@connectrpc/connect";
import type { History, PostRecord, ReadRecord, StoredMessage } from "./history.js";

/** The codes with which a call may fail while a server is killed, stopped or too slow. */
const passing: ReadonlySet<Code> = new Set([
  Code.Aborted,
  Code.Canceled,
  Code.DeadlineExceeded,
  Code.Internal,
  Code.Unavailable,
  Code.Unknown,
]);

/**
 * Compares everything that clients saw with the one order in which messages are stored in the end.
 * Returns what is not consistent with it, in words; nothing if all is well.
 */
export function checkHistory(stored: readonly StoredMessage[], history: History): string[] {
  const checker = new Checker(stored, history);
  checker.checkStored();
  for (const post of history.posts) {
    checker.checkPost(post);
  }
  for (const read of history.reads) {
    checker.checkRead(read);
  }
  return checker.faults;
}

class Checker {
  readonly faults: string[] = [];
  readonly #stored: readonly StoredMessage[];
  /** The posts of each text, by sender. */
  readonly #postsOf = new Map<string, PostRecord[]>();
  /** Where each id is stored. */
  readonly #placeOf = new Map<string, StoredMessage>();
  readonly #seen: Seen;

  constructor(stored: readonly StoredMessage[], { posts, reads }: History) {
    this.#stored = stored;
    for (const post of posts) {
      const key = keyOf(post.sender, post.text);
      const same = this.#postsOf.get(key);
      if (same) {
        same.push(post);
      } else {
        this.#postsOf.set(key, [post]);
      }
    }
    this.#seen = new Seen(posts, reads);
  }

  /** Every message was posted as it is, once under its id, and after all that was seen before. */
  checkStored(): void {
    for (const [index, message] of this.#stored.entries()) {
      const name = nameOf(message);
      if (message.sequence !== index + 1) {
        this.faults.push(`${name} is the message in place ${index + 1}`);
      }
      const posts = this.#postsOf.get(keyOf(message.sender, message.text));
      if (posts === undefined) {
        this.faults.push(`${name} was posted by nobody`);
        continue;
      }
      const { sender, id } = posts[0]!;
      const other = this.#placeOf.get(keyOf(sender, id));
      if (other) {
        this.faults.push(`the id ${id} of ${sender} has two places: ${nameOf(other)} and ${name}`);
      }
      this.#placeOf.set(keyOf(sender, id), message);
      const firstSent = Math.min(...posts.map(({ start }) => start));
      const seen = this.#seen.before(firstSent);
      if (message.sequence <= seen) {
        this.faults.push(`${name} was sent when ${seen} had been seen, and is stored before it`);
      }
    }
  }

  /** What was answered is stored where the answer says; what was refused, was so for a reason. */
  checkPost(post: PostRecord): void {
    const { sender, id, text, code } = post;
    const name = `the post of ${JSON.stringify(text)} by ${sender}`;
    const place = this.#placeOf.get(keyOf(sender, id));
    const isStored = place?.text === text;
    if (post.answeredAt !== undefined) {
      if (!isStored) {
        this.faults.push(`${name} was answered, and is not stored`);
      } else if (post.sequence !== undefined && post.sequence !== place.sequence) {
        this.faults.push(`${name} was answered with ${post.sequence}, and is ${nameOf(place)}`);
      }
    } else if (post.isStoredByProgress && !isStored) {
      this.faults.push(`${name} is stored as the error says, and is not`);
    } else if (code === Code.AlreadyExists) {
      if (place === undefined || isStored) {
        this.faults.push(`${name} is already_exists, but its id has no other text`);
      }
    } else if (code !== undefined && !passing.has(code)) {
      this.faults.push(`${name} was refused with ${Code[code]}`);
    }
  }

  /** What was read is one range of the order, and contains everything that had been seen before. */
  checkRead(read: ReadRecord): void {
    const { kind, after, start, messages, code } = read;
    const name = `the ${kind} after ${after ?? "nothing"} at ${Math.round(start)}`;
    if (code !== undefined && !passing.has(code)) {
      this.faults.push(`${name} was refused with ${Code[code]}`);
    }
    const first = messages[0]?.sequence;
    const begin = after ?? (kind === "history" ? 0 : first && first - 1);
    let last = begin;
    for (const message of messages) {
      if (last !== undefined && message.sequence !== last + 1) {
        this.faults.push(`${name} has ${message.sequence} after ${last}`);
      }
      last = message.sequence;
      const place = this.#stored[message.sequence - 1];
      if (place?.text !== message.text || place.sender !== message.sender) {
        this.faults.push(
          `${name} has ${nameOf(message)}, where ${place ? nameOf(place) : "nothing"} is stored`,
        );
      }
      const posts = this.#postsOf.get(keyOf(message.sender, message.text)) ?? [];
      if (posts.every((post) => post.start > message.at)) {
        this.faults.push(`${name} has ${nameOf(message)} before it was sent`);
      }
    }
    const seen = this.#seen.before(start);
    if (kind === "history" && read.isComplete && last !== undefined && last < seen) {
      this.faults.push(`${name} ends at ${last}, though ${seen} had been seen before`);
    }
    if (kind === "subscription" && after === undefined && begin !== undefined) {
      this.#checkFromNow(read, name, begin, seen);
    }
  }

  /** From now on means: nothing that had been seen before, and all that was sent after. */
  #checkFromNow({ acceptedAt }: ReadRecord, name: string, begin: number, seen: number): void {
    if (begin < seen) {
      this.faults.push(`${name} begins after ${begin}, though ${seen} had been seen before`);
    }
    for (const { sequence, sender, text } of this.#stored.slice(0, begin)) {
      const posts = this.#postsOf.get(keyOf(sender, text)) ?? [];
      if (posts.length > 0 && posts.every(({ start }) => start > (acceptedAt ?? Infinity))) {
        this.faults.push(`${name} begins after ${begin}, though ${sequence} was sent later`);
      }
    }
  }
}

/** The highest place that anybody had seen at a time. */
class Seen {
  readonly #times: number[] = [];
  readonly #places: number[] = [];

  constructor(posts: readonly PostRecord[], reads: readonly ReadRecord[]) {
    const seen: [at: number, sequence: number][] = [];
    for (const { answeredAt, sequence } of posts) {
      if (answeredAt !== undefined && sequence !== undefined) {
        seen.push([answeredAt, sequence]);
      }
    }
    for (const { messages } of reads) {
      for (const { at, sequence } of messages) {
        seen.push([at, sequence]);
      }
    }
    seen.sort(([a], [b]) => a - b);
    let highest = 0;
    for (const [at, sequence] of seen) {
      if (sequence > highest) {
        highest = sequence;
        this.#times.push(at);
        this.#places.push(sequence);
      }
    }
  }

  before(time: number): number {
    let low = 0;
    let high = this.#times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#times[middle]! < time) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return this.#places[low - 1] ?? 0;
  }
}

function keyOf(sender: string, what: string): string {
  return `${sender}\n${what}`;
}

function nameOf({ sequence, sender, text }: StoredMessage): string {
  return `${sequence} (${JSON.stringify(text)} by ${sender})`;
}
