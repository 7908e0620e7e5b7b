import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "../../gen/google/rpc/retry_info_pb.js";

/** Used when it is practically unknown when there will be room again, in milliseconds. */
export const retryLaterMs = 1000;

/**
 * The same error, with the time to wait before the next try: for gRPC and Connect as
 * `google.rpc.RetryInfo`, for plain HTTP as `Retry-After`, which has whole seconds.
 */
export function withRetry(error: ConnectError, retryMs: number = retryLaterMs): ConnectError {
  error.metadata.set(retryAfterHeader, retryAfter(retryMs));
  const retryDelay = durationFromMs(Math.ceil(retryMs));
  error.details.push({ desc: RetryInfoSchema, value: { retryDelay } });
  return error;
}

export const retryAfterHeader = "retry-after";

/** The value of `Retry-After`. */
export function retryAfter(retryMs: number): string {
  return String(Math.max(1, Math.ceil(retryMs / 1000)));
}
