import { createContextValues } from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import { maxTimerMs } from "../../../async/max-timer.js";
import { deadlineKey } from "./context.js";
import { requestWith } from "./request.js";

const connectTimeout = "connect-timeout-ms";
const grpcTimeout = "grpc-timeout";

/**
 * The same handler, which also supports deadlines more than 24.8 days away: Connect's own timer
 * would end such a call at once. Connect does not see them; the call's lifetime keeps them.
 */
export function withLongDeadlines(handler: UniversalHandler): UniversalHandler {
  function kept(request: UniversalServerRequest): Promise<UniversalServerResponse> {
    const timeoutMs = longTimeoutOf(request.header);
    if (timeoutMs === undefined) {
      return handler(request);
    }
    const header = new Headers(request.header);
    header.delete(connectTimeout);
    header.delete(grpcTimeout);
    const contextValues = request.contextValues ?? createContextValues();
    contextValues.set(deadlineKey, performance.now() + timeoutMs);
    return handler(requestWith(request, { header, contextValues }));
  }
  return Object.assign(kept, handler);
}

/** The deadline's distance in milliseconds, if it is longer than timers can be. */
function longTimeoutOf(header: Headers): number | undefined {
  const forGrpc = header.get(grpcTimeout);
  const forConnect = header.get(connectTimeout);
  if (forGrpc === null && forConnect === null) {
    return undefined;
  }
  const isGrpc = header.get("content-type")?.startsWith("application/grpc") ?? false;
  const { error, timeoutMs } = isGrpc
    ? parseGrpcTimeout(forGrpc, maxTimerMs)
    : parseConnectTimeout(forConnect, maxTimerMs);
  // Connect refuses invalid timeouts.
  return error && timeoutMs;
}
