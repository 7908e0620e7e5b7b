import { Code, type ConnectError } from "@connectrpc/connect";
import type { Logger } from "../../util/logger.js";
import { type CallObserver, codeName } from "./call.js";
import { cutReason, isServerFault, reasonOf } from "./errors.js";

/** What is wrong with a token. It is logged, not sent to the bearer, who may have made it up. */
function causeOf({ cause }: ConnectError): string | undefined {
  return cause instanceof Error ? cutReason(cause.message) : undefined;
}

/**
 * Logs one line for each call when it ends: the method, the protocol, the caller, the client's
 * address, the code, the duration in milliseconds and how many messages went either way; never
 * their contents. The cause of an error is logged here and never sent.
 */
export function createCallLog(logger: Pick<Logger, "info" | "error">): CallObserver {
  return {
    ended(call, error) {
      const fields = {
        method: call.name,
        protocol: call.protocol,
        user: call.user,
        certificate: call.certificateName,
        peer: call.peer || undefined,
        code: codeName(error?.code),
        durationMs: Math.round((performance.now() - call.startedAt) * 10) / 10,
        received: call.received,
        sent: call.sent,
        requestId: call.requestId,
        traceId: call.traceId,
        error: error && reasonOf(error),
        reason: error?.code === Code.Unauthenticated ? causeOf(error) : undefined,
      };
      if (error && isServerFault(error)) {
        logger.error({ ...fields, err: error.cause }, "call failed");
      } else {
        logger.info(fields, "call");
      }
    },
  };
}
