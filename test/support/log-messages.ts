import { fromBinary } from "@bufbuild/protobuf";
import { type HistoryResponse, HistoryResponseSchema } from "../../src/gen/chatter_pb.js";
import { envelopeEnd, envelopePrefixLength } from "../../src/server/encoding/envelope.js";
import type { Batch, MessageLog, NewMessage } from "../../src/server/log/message-log.js";

/** A message to post. */
export function post(text: string, messageId = "", sender = "goa"): NewMessage {
  return { text, sender, messageId };
}

/** This many messages to post: "`prefix` 1", "`prefix` 2" … */
export function posts(count: number, prefix = "message"): NewMessage[] {
  return Array.from({ length: count }, (_, i) => post(`${prefix} ${i + 1}`));
}

/** The messages of a batch as the generated code reads them. */
export function decode(batch: Pick<Batch, "bytes">): HistoryResponse[] {
  const messages: HistoryResponse[] = [];
  for (let at = 0; at < batch.bytes.length; ) {
    const end = envelopeEnd(batch.bytes, at);
    const message = fromBinary(
      HistoryResponseSchema,
      batch.bytes.subarray(at + envelopePrefixLength, end),
    );
    messages.push(message);
    at = end;
  }
  return messages;
}

/** Reads from batch to batch up to the head; fails on a hole, a repeat or a wrong count. */
export async function readAll(log: MessageLog, after = log.first - 1): Promise<HistoryResponse[]> {
  const messages: HistoryResponse[] = [];
  let last = after;
  for (;;) {
    const batch = await log.read(last);
    if (batch === undefined) {
      return messages;
    }
    for (const message of decode(batch)) {
      last++;
      if (Number(message.sequence) !== last) {
        throw new Error(`message ${message.sequence} where ${last} was due`);
      }
      messages.push(message);
    }
    if (batch.last !== last) {
      throw new Error(`a batch says it ends with ${batch.last}, and ends with ${last}`);
    }
  }
}

/** The texts of all messages, as `readAll`. */
export async function texts(log: MessageLog, after?: number): Promise<string[]> {
  return (await readAll(log, after)).map((message) => message.message);
}

/**
 * Resolves when the head of a log is beyond a sequence; rejects with the log's error if it is closed
 * before.
 */
export function headBeyond(log: MessageLog, after: number): Promise<void> {
  let unlisten = () => {};
  const beyond = new Promise<void>((resolve, reject) => {
    const moved = () => log.head > after && resolve();
    unlisten = log.listen({ moved, closed: reject });
    moved();
  });
  return beyond.finally(() => unlisten());
}

/** The full number of rounds of a long test, scaled by CHATTER_TEST_ROUNDS. */
export function rounds(few: number): number {
  return Number(process.env.CHATTER_TEST_ROUNDS ?? few);
}

/** Whether a test that the machine has no means for must fail instead of being skipped. */
export const requireAll = Boolean(process.env.CHATTER_TEST_REQUIRE_ALL);
