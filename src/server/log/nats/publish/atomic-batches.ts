import { randomBytes } from "node:crypto";
import { JetStreamApiError } from "@nats-io/jetstream";
import { headers, type MsgHdrs } from "@nats-io/transport-node";
import { encodePayload } from "../../../encoding/stream-payload.js";
import { hashId, idHashBytes } from "../../core/dedupe-window.js";
import type { NewMessage } from "../../message-log.js";
import { apiErrors } from "../api-errors.js";
import type { NatsStream } from "../stream.js";
import type { NatsAcks, PublishAck } from "./acks.js";
import { InFlightLimit } from "./in-flight-limit.js";

/**
 * Maximum number of messages of a batch, and maximum size of its texts: JetStream accepts 1,000
 * messages.
 */
const maxCount = 256;
const maxLength = 256 * 1024;

/** Maximum number of batches of this server in flight: JetStream accepts 50 of a stream. */
const maxBatches = 8;

/** No stream ends here. */
const nowhere = String(Number.MAX_SAFE_INTEGER);
const nobody = "no message has this id";

/** What JetStream answers then. */
const wrongEnds: readonly number[] = [
  apiErrors.wrongLastMessage,
  apiErrors.wrongLastSequence,
  apiErrors.wrongLastSequenceConstant,
];

/** A message in flight to the stream. */
export interface NatsPost {
  /** Empty for `main`. */
  readonly room: string;
  readonly payload: Buffer;
  readonly sender: string;
  /** The client's id for it; empty: it has none. */
  readonly messageId: string;
  /** The id by which JetStream knows it, so that no attempt stores it twice. */
  readonly ownId: string;
  readonly headers: MsgHdrs;
}

export function preparePost({ text, sender, messageId, room = "" }: NewMessage): NatsPost {
  const ownId = (
    messageId === ""
      ? randomBytes(16)
      : hashId(sender, messageId, text, room).subarray(0, idHashBytes)
  ).toString("base64url");
  const payload = encodePayload({ text, sender, room });
  return { room, payload, sender, messageId, ownId, headers: headersOf(ownId) };
}

/**
 * As many messages from an index on as a batch may have; no id occurs twice.
 *
 * @param end the index at which the messages end
 */
export function beginningOf(
  messages: readonly NewMessage[],
  from: number,
  end: number,
): NatsPost[] {
  const posts: NatsPost[] = [];
  const ids = new Set<string>();
  let length = 0;
  for (let i = from; i < end && posts.length < maxCount; i++) {
    const post = preparePost(messages[i]!);
    length += post.payload.length;
    if (posts.length > 0 && (length > maxLength || ids.has(post.ownId))) {
      break;
    }
    ids.add(post.ownId);
    posts.push(post);
  }
  return posts;
}

/**
 * Sends messages in batches, which nats-server 2.12 and newer stores as a whole or not at all, one
 * after the other, if `allow_atomic` of the stream is set.
 */
export class NatsBatches {
  readonly #stream: NatsStream;
  readonly #acks: NatsAcks;
  readonly #inFlight = new InFlightLimit(maxBatches);
  /** JetStream has rejected one for good. */
  #isRefused = false;

  constructor(stream: NatsStream, acks: NatsAcks) {
    this.#stream = stream;
    this.#acks = acks;
  }

  /** Whether a batch may be sent now; if so, `release` must be called after it. */
  acquire(): boolean {
    return (
      this.#stream.config.allow_atomic === true && !this.#isRefused && this.#inFlight.acquireNow()
    );
  }

  release(): void {
    this.#inFlight.release();
  }

  /**
   * Sends at least two posts. Resolves with the acknowledgements of the first ones: of all, or, if
   * one was stored before, of those before it, or of the repeats at the beginning. Rejects if the
   * outcome is unknown: they may be sent again.
   */
  async send(posts: readonly NatsPost[], deadlineMs: number): Promise<PublishAck[]> {
    if (!this.#isRefused) {
      try {
        return await this.#sendWhole(posts, deadlineMs);
      } catch (error) {
        const code = error instanceof JetStreamApiError ? error.code : undefined;
        if (code === apiErrors.batchHasRepeat) {
          return this.#sendWithRepeats(posts, deadlineMs);
        }
        if (code === undefined || code === apiErrors.batchIncomplete || !isOfBatches(code)) {
          throw error;
        }
        this.#isRefused = code !== apiErrors.tooManyBatches;
      }
    }
    return [await this.#sendOne(posts[0]!, deadlineMs)];
  }

  #sendOne({ room, payload, headers }: NatsPost, deadlineMs: number): Promise<PublishAck> {
    return this.#acks.send(this.#stream.subjectOf(room), payload, headers, deadlineMs);
  }

  async #sendWhole(posts: readonly NatsPost[], deadlineMs: number): Promise<PublishAck[]> {
    const batchId = randomBytes(12).toString("base64url");
    const withPlace = (i: number) => {
      const all = headersOf(posts[i]!.ownId);
      all.set("Nats-Batch-Id", batchId);
      all.set("Nats-Batch-Sequence", String(i + 1));
      return all;
    };
    const last = posts.length - 1;
    for (let i = 0; i < last; i++) {
      const { room, payload } = posts[i]!;
      this.#acks.sendUnanswered(this.#stream.subjectOf(room), payload, withPlace(i));
    }
    const commit = withPlace(last);
    commit.set("Nats-Batch-Commit", "1");
    const { seq } = await this.#sendOne({ ...posts[last]!, headers: commit }, deadlineMs);
    return posts.map((_, i) => ({ seq: seq - last + i, duplicate: false }));
  }

  /** Some of them are stored already, usually the first ones: they were sent before. */
  async #sendWithRepeats(posts: readonly NatsPost[], deadlineMs: number): Promise<PublishAck[]> {
    const known = await Promise.all(posts.map((post) => this.#find(post, deadlineMs)));
    const firstNew = known.indexOf(undefined);
    if (firstNew !== 0) {
      return known.slice(0, firstNew < 0 ? known.length : firstNew) as PublishAck[];
    }
    const firstRepeat = known.findIndex((ack) => ack !== undefined);
    if (firstRepeat < 0) {
      throw new Error("a message of a batch is being stored just now");
    }
    if (firstRepeat === 1) {
      return [await this.#sendOne(posts[0]!, deadlineMs)];
    }
    return this.#sendWhole(posts.slice(0, firstRepeat), deadlineMs);
  }

  /**
   * Where a post is stored; undefined if it is not. To ask, we publish with the same id and an
   * expectation about the end of the stream that can never hold. JetStream checks ids first: a
   * stored post is reported as a duplicate, and a new one is rejected. (There are two such
   * expectations: a single node checks one of them before ids, and a cluster the other.)
   */
  async #find({ ownId }: NatsPost, deadlineMs: number): Promise<PublishAck | undefined> {
    const question = headersOf(ownId);
    if (this.#stream.config.num_replicas === 1) {
      question.set("Nats-Expected-Last-Msg-Id", nobody);
    } else {
      question.set("Nats-Expected-Last-Sequence", nowhere);
    }
    try {
      return await this.#acks.send(this.#stream.subject, "", question, deadlineMs);
    } catch (error) {
      if (error instanceof JetStreamApiError && wrongEnds.includes(error.code)) {
        return undefined;
      }
      throw error;
    }
  }
}

/** Whether JetStream's error is about batches: then messages can be sent one by one. */
function isOfBatches(code: number): boolean {
  return (code >= 10_174 && code <= 10_179) || (code >= 10_199 && code <= 10_211);
}

function headersOf(ownId: string): MsgHdrs {
  const all = headers();
  all.set("Nats-Msg-Id", ownId);
  return all;
}
