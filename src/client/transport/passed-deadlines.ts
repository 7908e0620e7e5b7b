import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { elapsedMs, now } from "../../async/elapsed-time.js";
import { timedOut } from "../errors.js";

/**
 * The same transport, for servers that end a call at its deadline by a reset of its HTTP/2 stream,
 * as grpc-go does. Where that comes before the client's own timer, which a busy process runs late,
 * Connect says `canceled`, though nobody has cancelled the call.
 */
export function withPassedDeadlines(transport: Transport): Transport {
  return {
    async unary(method, signal, timeoutMs, ...rest) {
      const begun = now();
      try {
        return await transport.unary(method, signal, timeoutMs, ...rest);
      } catch (error) {
        throw isPassed(timeoutMs, elapsedMs(begun), signal, error) ? timedOut() : error;
      }
    },
    async stream(method, signal, timeoutMs, ...rest) {
      const begun = now();
      try {
        return await transport.stream(method, signal, timeoutMs, ...rest);
      } catch (error) {
        throw isPassed(timeoutMs, elapsedMs(begun), signal, error) ? timedOut() : error;
      }
    },
  };
}

/** Whether a call was reset at its deadline, and not by the caller. */
function isPassed(
  timeoutMs: number | undefined,
  tookMs: number,
  signal: AbortSignal | undefined,
  error: unknown,
): boolean {
  const isReset = error instanceof ConnectError && error.code === Code.Canceled;
  // For Connect, 0 and less is no deadline.
  const isOver = timeoutMs !== undefined && timeoutMs > 0 && tookMs >= timeoutMs;
  return isReset && isOver && !signal?.aborted;
}
