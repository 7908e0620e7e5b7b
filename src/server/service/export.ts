import { create } from "@bufbuild/protobuf";
import type { MethodImpl } from "@connectrpc/connect";
import { ExportResponseSchema, type LogService } from "../../gen/log_pb.js";
import { missingScope, roomRights } from "../auth/scopes.js";
import type { MessageLog } from "../log/message-log.js";
import { RoomSelection } from "../rooms/room-selection.js";
import { callerOf } from "./call/context.js";
import { readRange, turnsOf } from "./reading/range.js";
import type { ReadTurns } from "./reading/read-turns.js";
import { resolveCursor } from "./reading/resolve-cursor.js";

/**
 * Export: the contents of the log for a backup, up to its head when the call began.
 *
 * @param reads takes turns among the readers of this log
 */
export function createExport(
  log: MessageLog,
  reads: ReadTurns,
): MethodImpl<typeof LogService.method.export> {
  return async function* exportLog(request, context) {
    if (!roomRights(callerOf(context)).read.isAll) {
      throw missingScope(); // A backup has every room.
    }
    const resumed = request.after === "" ? undefined : await resolveCursor(log, request.after);
    const { first, head } = log;
    const after = resumed ?? first - 1;
    yield create(ExportResponseSchema, {
      identity: log.identity,
      first: BigInt(first),
      head: BigInt(head),
    });
    const read = turnsOf(reads, log, callerOf(context).subject);
    const range = { after, through: head, limit: 0, rooms: RoomSelection.all };
    for await (const { first, last, bytes } of readRange(read, range, context.signal)) {
      const ids = (await log.idsBetween?.(first - 1, last)) ?? [];
      yield create(ExportResponseSchema, {
        messages: bytes,
        ids: ids.map(({ sequence, hash }) => ({ sequence: BigInt(sequence), hash })),
      });
    }
  };
}
