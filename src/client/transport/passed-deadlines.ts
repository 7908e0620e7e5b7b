import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { timedOut } from "../errors.js";
import { type FailedCall, mapErrors } from "./map-errors.js";

/**
 * The same transport, for servers that end a call at its deadline by resetting its HTTP/2 stream,
 * as grpc-go does. If the reset comes before the client's own timer, which a busy process runs
 * late, Connect reports `canceled`, though nobody has cancelled the call.
 */
export function withPassedDeadlines(transport: Transport): Transport {
  return mapErrors(transport, (error, call) => (isPassed(error, call) ? timedOut() : error));
}

/** Whether a call was reset at its deadline, and not by the caller. */
function isPassed(error: unknown, { signal, timeoutMs, tookMs }: FailedCall): boolean {
  const isReset = error instanceof ConnectError && error.code === Code.Canceled;
  // For Connect, 0 or less means no deadline.
  const isOver = timeoutMs !== undefined && timeoutMs > 0 && tookMs >= timeoutMs;
  return isReset && isOver && !signal?.aborted;
}
