import type { DamagedRange } from "../file/verify-log.js";
import { unreadableNatsMessage } from "./errors.js";
import { findStream } from "./open-stream.js";
import { faultTexts, messageFault } from "./read/malformed.js";
import { NatsReader } from "./read/reader.js";
import { type NatsAddress, type NatsSession, openSession } from "./session.js";
import type { NatsStream } from "./stream.js";

export interface VerifyNatsOptions {
  /** How to connect to NATS. */
  readonly address: NatsAddress;
  /** The stream that is the log. */
  readonly stream: string;
  /** How long to wait for NATS, in milliseconds. */
  readonly timeoutMs: number;
}

/** The contents of a log on NATS, and what is wrong with it. */
export interface NatsLogReport {
  readonly identity: string;
  /** Sequence of the oldest message that is kept; head + 1 if there is none. */
  readonly first: number;
  /** Sequence of the newest message. */
  readonly head: number;
  /** Messages of Chatter, and the bytes of their payloads. */
  readonly messages: number;
  readonly bytes: number;
  /** Sequences for which the stream has no message, though it has older ones. */
  readonly damaged: readonly DamagedRange[];
  /** The first thousand of the messages that are not Chatter's, and how many there are. */
  readonly malformed: readonly { readonly sequence: number; readonly fault: string }[];
  readonly malformedCount: number;
}

/** Maximum number that are listed one by one. */
const maxNamed = 1000;

/** How often a node that lags or is lost is asked again. */
const maxAttempts = 20;
const pauseMs = 250;

/**
 * Verifies every message of the stream that is the log, while servers may post to it: that none is
 * missing, and that each is one of Chatter's.
 *
 * Rejects with `failed_precondition` and one line if NATS cannot be reached in time or there is
 * no such stream.
 */
export async function verifyNatsLog(options: VerifyNatsOptions): Promise<NatsLogReport> {
  const session = await openSession(options.address, options.timeoutMs);
  try {
    return await verify(session, await findStream(session, options.stream));
  } finally {
    await session.close();
  }
}

async function verify(session: NatsSession, stream: NatsStream): Promise<NatsLogReport> {
  const { head } = stream.place;
  let { first } = stream.place;
  const damaged: DamagedRange[] = [];
  const malformed: { sequence: number; fault: string }[] = [];
  let [messages, bytes, malformedCount, attempts] = [0, 0, 0, 0];
  let reader: NatsReader | undefined;
  for (let at = first - 1; at < head; ) {
    try {
      reader ??= await NatsReader.open(session, stream, at);
      let found = await reader.read(head - at);
      if (found[0]?.sequence !== at + 1) {
        // The leader decides: a consumer may be on a node that lags.
        const asked = await stream.messages(at, head);
        if (asked.length > 0) {
          await reader.close();
          reader = undefined;
          found = asked;
        } else {
          ({ first } = await stream.look());
          const next = found[0]?.sequence ?? (reader.after >= head ? head + 1 : undefined);
          if (next === undefined) {
            throw new Error("a consumer has nothing, and the stream has");
          }
          if (Math.max(at + 1, first) < next) {
            damaged.push({ first: Math.max(at + 1, first), last: next - 1 });
          }
          at = next - 1;
        }
      }
      for (const message of found.filter(({ sequence }) => sequence <= head)) {
        const { sequence, payload } = message;
        const fault = messageFault(message, stream.subject);
        if (fault === undefined) {
          messages++;
          bytes += payload.length;
        } else if (++malformedCount <= maxNamed) {
          malformed.push({ sequence, fault: faultTexts[fault] });
        }
        at = sequence;
      }
      attempts = 0;
    } catch (error) {
      await reader?.close();
      reader = undefined;
      if (++attempts === maxAttempts) {
        throw unreadableNatsMessage({
          sequence: at + 1,
          stream: stream.name,
          reason: (error as Error).message,
          cause: error,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
  await reader?.close();
  const { identity } = stream;
  return { identity, first, head, messages, bytes, damaged, malformed, malformedCount };
}
