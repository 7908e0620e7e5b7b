import { ConnectError } from "@connectrpc/connect";
import { progressOf } from "../support/outcome.js";
import type { History, PostRecord, ReadRecord, SeenMessage } from "./history.js";

/** As a message comes to a reader, over any wire. */
export interface ReceivedMessage {
  readonly sequence: bigint | number;
  readonly sender: string;
  readonly message: string;
  readonly cursor: string;
}

/** This many posts and cursors are remembered, to be used again. */
const recent = 200;

/** Records what all clients do and see, and what they need to interfere with each other. */
export class Recorder implements History {
  readonly posts: PostRecord[] = [];
  readonly reads: ReadRecord[] = [];
  readonly #cursors: { readonly sequence: number; readonly cursor: string }[] = [];
  readonly #byCursor = new Map<string, number>();
  /** Whose ids the server has been sent. */
  readonly #withIds: PostRecord[] = [];
  #count = 0;

  /** A new message, or one whose id somebody else has used just now: rarely with another text. */
  post(sender: string): PostRecord {
    const others = this.#withIds.slice(-recent).filter((post) => post.sender === sender);
    const same =
      Math.random() < 0.35 ? others[Math.floor(Math.random() * others.length)] : undefined;
    if (same === undefined) {
      const post = this.#newPost(sender);
      this.#withIds.push(post);
      return post;
    }
    const text = Math.random() < 0.1 ? `${same.id} otherwise ${++this.#count}` : same.text;
    return this.#keep({ sender, id: same.id, text, start: performance.now() });
  }

  /** A message that nobody else posts, for a wire that has no ids. */
  postWithoutId(sender: string): PostRecord {
    return this.#newPost(sender);
  }

  #newPost(sender: string): PostRecord {
    const id = `id${++this.#count}`;
    return this.#keep({
      sender,
      id,
      text: `${id} ${"x".repeat(Math.random() * 60)}`,
      start: performance.now(),
    });
  }

  /** The stream of some posts has failed; those before were answered. */
  failed(posts: readonly PostRecord[], reason: unknown): void {
    const error = ConnectError.from(reason);
    const stored = Number(progressOf(error)?.stored ?? 0n);
    for (const post of posts.slice(0, stored)) {
      post.isStoredByProgress = true;
    }
    // The error belongs to the first one that is not stored; nothing is known about those behind
    // it.
    const first = posts.slice(stored).find(({ answeredAt }) => answeredAt === undefined);
    if (first) {
      first.code = error.code;
    }
  }

  /** Begins a read after a cursor that somebody has seen, or without. */
  read(kind: ReadRecord["kind"], cursor: string | undefined): ReadRecord {
    const after = cursor === undefined ? undefined : this.#byCursor.get(cursor);
    const read = { kind, after, start: performance.now(), messages: [] };
    this.reads.push(read);
    return read;
  }

  saw(read: ReadRecord, { sequence, sender, message, cursor }: ReceivedMessage): void {
    const seen: SeenMessage = {
      sequence: Number(sequence),
      sender,
      text: message,
      at: performance.now(),
    };
    read.messages.push(seen);
    if (!this.#byCursor.has(cursor)) {
      this.#byCursor.set(cursor, seen.sequence);
      this.#cursors.push({ sequence: seen.sequence, cursor });
    }
  }

  /** A place that somebody has seen, seldom far back; undefined if there is none. */
  cursor(): string | undefined {
    const from = Math.random() < 0.05 ? 0 : Math.max(0, this.#cursors.length - recent);
    return this.#cursors[from + Math.floor(Math.random() * (this.#cursors.length - from))]?.cursor;
  }

  #keep(post: PostRecord): PostRecord {
    this.posts.push(post);
    return post;
  }
}
