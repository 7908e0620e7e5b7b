import { create } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { orAborted } from "../../async/abort.js";
import { withChanges } from "../../errors/define.js";
import {
  type EchoerResponse,
  EchoerResponseSchema,
  PostProgressSchema,
} from "../../gen/chatter_pb.js";
import { createErrorNotes } from "./connection-notes.js";
import { FirstConnection } from "./first-connection.js";
import type { Posting } from "./posting.js";

/** Maximum number of lines that are read before their answers are processed. */
const maxAhead = 1024;

/**
 * Posts the lines, each stored once, and continues when the connection is lost. Yields the answers
 * in order, each when its message is durable.
 *
 * Rejects when a line could not be stored, and then reads no more; the error says how many are
 * stored.
 */
export async function postReliably(
  posting: Posting,
  take: (answer: EchoerResponse) => void | Promise<void>,
): Promise<void> {
  const { chatter, lines, progress, room } = posting;
  const first = new FirstConnection(
    posting.signal,
    createErrorNotes(posting, () => progress.hide()),
  );
  const publisher = chatter.publisher({ room, signal: first.signal, onState: first.onState });
  let stored = 0n;
  let lastSequence = 0n;
  let fail: (reason: unknown) => void;
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });

  async function post(message: string, before: Promise<void>): Promise<void> {
    const posted = await publisher.post(message);
    await before;
    stored++;
    lastSequence = posted.sequence;
    await take(create(EchoerResponseSchema, { message, ...posted }));
  }

  async function postAll(): Promise<void> {
    const ahead: Promise<void>[] = [];
    let last = Promise.resolve();
    for await (const message of lines) {
      if (ahead.length === maxAhead) {
        await ahead.shift();
      }
      last = post(message, last);
      last.catch(fail);
      ahead.push(last);
    }
    await last;
    await publisher.close();
  }

  try {
    // A failure ends it at once, and so does Ctrl+C, even if the next line takes long.
    await orAborted(Promise.race([failure, postAll()]), first.signal);
  } catch (error) {
    throw error instanceof ConnectError ? withProgress(error, stored, lastSequence) : error;
  } finally {
    first.end();
  }
}

/** With the details that a server sends when a posting stream fails. */
function withProgress(error: ConnectError, stored: bigint, lastSequence: bigint): ConnectError {
  const progress = { desc: PostProgressSchema, value: { stored, lastSequence } };
  return withChanges(error, { details: [progress] });
}
