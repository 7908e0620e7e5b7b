import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { asConnectError } from "./errors.js";
import { identityKey } from "./identity.js";

/** What Chatter writes its log lines to: pino, or anything with these two methods. */
export interface Logger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Codes that tell of a fault in the server. */
const faults = new Set([Code.Unknown, Code.Internal, Code.DataLoss]);

/** For those who want no log. */
const silent: Logger = { info() {}, error() {} };

/**
 * Logs one line a call when it ends: what was called, how, by whom, the code and the
 * duration in milliseconds. The cause of an error is logged here and never sent: to the
 * peer, what is no ConnectError is "internal error".
 */
export function createCallLogInterceptor(logger: Logger = silent): Interceptor {
  return (next) => async (request) => {
    const start = performance.now();
    function log(reason?: unknown): ConnectError | undefined {
      const error = reason === undefined ? undefined : asConnectError(reason);
      const fields = {
        method: `${request.service.typeName}/${request.method.name}`,
        user: request.contextValues.get(identityKey)?.subject,
        code: error ? codeName(error.code) : "ok",
        durationMs: Math.round((performance.now() - start) * 10) / 10,
      };
      if (error && faults.has(error.code)) {
        logger.error({ ...fields, error: error.rawMessage, cause: error.cause }, "call failed");
      } else {
        logger.info(error ? { ...fields, error: error.rawMessage } : fields, "call");
      }
      return error;
    }
    try {
      const response = await next(request);
      if (!response.stream) {
        log();
        return response;
      }
      return { ...response, message: logEnd(response.message, log) };
    } catch (error) {
      throw log(error) ?? error;
    }
  };
}

async function* logEnd<T>(
  messages: AsyncIterable<T>,
  log: (reason?: unknown) => ConnectError | undefined,
): AsyncGenerator<T> {
  let outcome: { reason?: unknown } | undefined;
  try {
    yield* messages;
    outcome = {};
  } catch (error) {
    outcome = { reason: asConnectError(error) };
    throw outcome.reason;
  } finally {
    outcome ??= { reason: new ConnectError("the client left", Code.Canceled) };
    log(outcome.reason);
  }
}

/** A code as it is written on the wires: `invalid_argument`. */
function codeName(code: Code): string {
  return Code[code].replace(/[A-Z]/g, (letter, at) => (at === 0 ? "" : "_") + letter.toLowerCase());
}
