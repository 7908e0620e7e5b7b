import { ConnectError } from "@connectrpc/connect";
import { pause } from "../async/abort.js";
import { backoffMs } from "../client/backoff.js";
import type { Call } from "../client/cli/call.js";
import { createErrorNotes } from "../client/cli/connection-notes.js";
import { isFinal } from "../client/final-error.js";
import { type ExportResponse, LogService } from "../gen/log_pb.js";
import { emptyExport } from "../server/cli/errors.js";
import { formatCursor } from "../server/encoding/cursor.js";
import { type CopySource, decodeStored } from "../server/log/transfer/copied-message.js";

/**
 * The log of a running server, as the source of a copy. Reading continues where it was when the
 * connection is lost.
 *
 * @param beforeNote called before a line about the connection is written to standard error
 */
export async function openServerSource(call: Call, beforeNote: () => void): Promise<CopySource> {
  const client = call.chatter.clientOf(LogService);
  const place = await firstOf(client.export({}, { signal: call.signal }));
  const head = Number(place.head);

  async function* readOnce(after: number, signal: AbortSignal) {
    for await (const { messages, ids } of client.export(
      { after: formatCursor(place.identity, after) },
      { signal },
    )) {
      const known = ids.map(({ sequence, hash }) => ({ sequence: Number(sequence), hash }));
      const copied = decodeStored(messages, known).filter(({ sequence }) => sequence <= head);
      if (copied.length > 0) {
        yield copied;
      }
    }
  }

  return {
    identity: place.identity,
    first: Number(place.first),
    head,
    async *read(after, signal) {
      const onState = createErrorNotes(call, beforeNote);
      let failures = 0;
      for (let at = after; at < head; ) {
        try {
          for await (const copied of readOnce(at, signal)) {
            at = copied.at(-1)!.sequence;
            failures = 0;
            onState({ status: "live" });
            yield copied;
          }
          return;
        } catch (error) {
          signal.throwIfAborted();
          const reason = ConnectError.from(error);
          if (isFinal(reason, true)) {
            throw reason;
          }
          const delayMs = backoffMs(++failures);
          onState({ status: "waiting", reason, delayMs });
          await pause(delayMs, signal);
        }
      }
    },
    close: async () => {},
  };
}

/** The first answer, which says where the log stands. */
async function firstOf(responses: AsyncIterable<ExportResponse>): Promise<ExportResponse> {
  for await (const answer of responses) {
    return answer;
  }
  throw emptyExport();
}
