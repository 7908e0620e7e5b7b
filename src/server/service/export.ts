import { create } from "@bufbuild/protobuf";
import type { MethodImpl } from "@connectrpc/connect";
import { ExportResponseSchema, type LogService } from "../../gen/log_pb.js";
import { resolveCursor } from "../log/cursor.js";
import type { MessageLog } from "../log/message-log.js";
import { readRange } from "./reading.js";

/** Export: what a copy of the log needs, up to the head as it stood at the call. */
export function createExport(log: MessageLog): MethodImpl<typeof LogService.method.export> {
  return async function* exportLog(request, context) {
    const resumed = request.after === "" ? undefined : await resolveCursor(log, request.after);
    const { first, head } = log;
    const after = resumed ?? first - 1;
    yield create(ExportResponseSchema, {
      identity: log.identity,
      first: BigInt(first),
      head: BigInt(head),
    });
    const range = { after, through: head, limit: 0 };
    for await (const { first, last, bytes } of readRange(log, range, context.signal)) {
      const ids = (await log.idsBetween?.(first - 1, last)) ?? [];
      yield create(ExportResponseSchema, {
        messages: bytes,
        ids: ids.map(({ sequence, hash }) => ({ sequence: BigInt(sequence), hash })),
      });
    }
  };
}
