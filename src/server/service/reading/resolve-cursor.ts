import { parseCursor } from "../../encoding/cursor.js";
import type { MessageLog } from "../../log/message-log.js";
import { cursorBeyondHead, expiredCursor, foreignCursor, malformedCursor } from "../errors.js";

/**
 * The sequence that a client's cursor stands for in this log.
 *
 * Rejects with `invalid_argument` if the cursor is not valid, `out_of_range` if it belongs to
 * another log, lies beyond the head, or retention has removed messages that follow it.
 *
 * @param field of the request that has the cursor, for error texts. Default: `after`
 */
export async function resolveCursor(
  log: Pick<MessageLog, "identity" | "first" | "reaches">,
  cursor: string,
  field = "after",
): Promise<number> {
  if (!/^[A-Za-z0-9_-]{16}$/.test(cursor)) {
    throw malformedCursor({ field });
  }
  const sequence = parseCursor(log.identity, cursor);
  if (sequence === undefined) {
    throw foreignCursor({ field });
  }
  if (!(await log.reaches(sequence))) {
    throw cursorBeyondHead({ field });
  }
  if (sequence + 1 < log.first) {
    throw expiredCursor({ field, first: log.first });
  }
  return sequence;
}
