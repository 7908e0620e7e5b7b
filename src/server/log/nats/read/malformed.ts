import {
  type PayloadFault,
  payloadFault,
  payloadRoom,
  type StreamMessage,
} from "../../../encoding/stream-payload.js";
import type { Logger } from "../../../util/logger.js";
import type { LogObserver } from "../../observer.js";
import { subjectOf } from "../room-subjects.js";

/** Why a message is not Chatter's. */
export type MessageFault = PayloadFault | "subject";

/** The text that is logged about a message that is not Chatter's. */
export const faultTexts: Readonly<Record<MessageFault, string>> = {
  form: "it is not of the form that Chatter gives its messages",
  text: "its text is not UTF-8",
  sender: "its sender is not UTF-8",
  room: "its room is not a valid name",
  time: "its time is not valid",
  subject: "it was posted to the subject of another room",
};

/**
 * Why a message of the stream is not Chatter's; undefined if it is.
 *
 * @param base the subject of the room `main`. Messages that were posted while the stream had
 *   another subject are in `main` too, because there were no rooms then.
 */
export function messageFault(
  { payload, subject }: StreamMessage,
  base: string,
): MessageFault | undefined {
  const fault = payloadFault(payload);
  if (fault !== undefined) {
    return fault;
  }
  const room = payloadRoom(payload);
  const isOlder = room === "" && !subject.startsWith(`${base}.`);
  return isOlder || subject === subjectOf(base, room) ? undefined : "subject";
}

/** Maximum number of sequences remembered, so that each is logged once. */
const maxKnown = 10_000;

/** Most lines of the server's log in ten seconds, and most sequences that one names. */
const maxLines = 100;
const maxNamed = 20;
const spanMs = 10_000;

/**
 * Filters out messages of the stream that are not Chatter's, because readers could not decode them.
 * Each is counted, and logged once, by its sequence. If there are very many, some are counted but
 * not logged.
 */
export class MalformedMessages {
  readonly #logger: Logger | undefined;
  readonly #observer: LogObserver | undefined;
  readonly #known = new Set<number>();
  #count = 0;
  #lines = 0;
  #spanEnd = 0;

  constructor(logger?: Logger, observer?: LogObserver) {
    this.#logger = logger;
    this.#observer = observer;
  }

  /** How many were found. */
  get count(): number {
    return this.#count;
  }

  /**
   * The messages that are Chatter's; usually all of them.
   *
   * @param base the subject of the room `main`
   */
  sift(messages: readonly StreamMessage[], base: string): readonly StreamMessage[] {
    if (messages.every((message) => messageFault(message, base) === undefined)) {
      return messages;
    }
    const found: { sequence: number; fault: MessageFault }[] = [];
    const right = messages.filter((message) => {
      const fault = messageFault(message, base);
      if (fault !== undefined && !this.#known.has(message.sequence)) {
        found.push({ sequence: message.sequence, fault });
      }
      return fault === undefined;
    });
    if (found.length > 0) {
      this.#tell(found);
    }
    return right;
  }

  #tell(found: readonly { sequence: number; fault: MessageFault }[]): void {
    this.#count += found.length;
    this.#observer?.malformed?.(found.length);
    for (const { sequence } of found) {
      this.#known.add(sequence);
    }
    for (const sequence of this.#known) {
      if (this.#known.size <= maxKnown) {
        break;
      }
      this.#known.delete(sequence); // The oldest comes first.
    }
    if (performance.now() > this.#spanEnd) {
      this.#spanEnd = performance.now() + spanMs;
      this.#lines = 0;
    }
    if (this.#lines < maxLines) {
      this.#lines++;
      this.#logger?.error(
        {
          messages: found
            .slice(0, maxNamed)
            .map(({ sequence, fault }) => `${sequence}: ${faultTexts[fault]}`),
          count: this.#count,
        },
        "the stream has messages that are not Chatter's, they are left out: somebody else has posted to its subjects, or NATS has damaged them",
      );
    }
  }
}
