import { Code, type ConnectError, type ContextValues, type Interceptor } from "@connectrpc/connect";
import { type Afterlife, afterlifeKey, clientLeftError } from "./afterlife.js";
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
    const method = `${request.service.typeName}/${request.method.name}`;
    const log = createLine(logger, method, request.contextValues);
    try {
      const response = await next(request);
      if (!response.stream) {
        log();
        return response;
      }
      const afterlife = request.contextValues.get(afterlifeKey);
      return { ...response, message: logEnd(response.message, log, afterlife) };
    } catch (error) {
      throw log(error) ?? error;
    }
  };
}

/** Writes the line of a call, and returns what the peer may know of the reason. */
type Line = (reason?: unknown) => ConnectError | undefined;

/** Made apart from the interceptor, so that a long call's line does not hold its request. */
function createLine(logger: Logger, method: string, values: ContextValues): Line {
  const start = performance.now();
  return (reason) => {
    const error = reason === undefined ? undefined : asConnectError(reason);
    const fields = {
      method,
      user: values.get(identityKey)?.subject,
      code: error ? codeName(error.code) : "ok",
      durationMs: Math.round((performance.now() - start) * 10) / 10,
    };
    if (error && faults.has(error.code)) {
      logger.error({ ...fields, error: error.rawMessage, cause: error.cause }, "call failed");
    } else {
      logger.info(error ? { ...fields, error: error.rawMessage } : fields, "call");
    }
    return error;
  };
}

async function* logEnd<T>(
  messages: AsyncIterable<T>,
  log: Line,
  afterlife: Afterlife | undefined,
): AsyncGenerator<T> {
  let outcome: { reason?: unknown } | undefined;
  try {
    yield* messages;
    outcome = {};
  } catch (error) {
    outcome = { reason: asConnectError(error) };
    throw outcome.reason;
  } finally {
    outcome ??= { reason: clientLeftError() };
    if (afterlife?.begun && outcome.reason === undefined) {
      afterlife.onEnd(log);
    } else {
      log(outcome.reason);
    }
  }
}

/** A code as it is written on the wires: `invalid_argument`. */
function codeName(code: Code): string {
  return Code[code].replace(/[A-Z]/g, (letter, at) => (at === 0 ? "" : "_") + letter.toLowerCase());
}
