import { View } from "../../../gen/chatter_pb.js";
import { tinyOf } from "../../encoding/stored-views.js";
import type { Batch } from "../../log/message-log.js";
import { unknownView } from "../errors.js";

/**
 * How the messages of a batch are encoded in a view, each as a HistoryResponse in an envelope.
 * Throws `invalid_argument` if there is no such view.
 */
export function viewOf(view: View): (batch: Batch) => Uint8Array {
  switch (view) {
    case View.UNSPECIFIED:
    case View.DEFAULT:
      return ({ bytes }) => bytes;
    case View.TINY:
      return tinyOf;
    default:
      throw unknownView({ view: view as number });
  }
}
