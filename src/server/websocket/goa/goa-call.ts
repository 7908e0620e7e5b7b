import type { IncomingMessage } from "node:http";
import { toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues } from "@connectrpc/connect";
import { encodeEnvelope, type UniversalHandler } from "@connectrpc/connect/protocol";
import { contentTypeStreamProto } from "@connectrpc/connect/protocol-connect";
import { onAbort } from "../../../async/abort.js";
import { closeCodes } from "../../../protocol/close-codes.js";
import { cursorHeader } from "../../../protocol/headers.js";
import { invalidToken } from "../../auth/errors.js";
import { requestIdHeader, unreadKey, wireKey } from "../../service/call/context.js";
import { callOver } from "../errors.js";
import type { Upgrade } from "../route.js";
import { callUrl, mergeHeaders } from "../tunnel/tunnel-request.js";
import { errorAnswer, missingHeader } from "./goa-error.js";
import { GoaIntake } from "./goa-intake.js";
import { GoaResponse } from "./goa-response.js";
import { type GoaMethod, roomsOf } from "./methods.js";

/** How long a call may take to handle what its client had sent completely when it left. */
const finishMs = 5_000;

/** The close reason of a call that succeeded, in goa's words. */
const endReason = "server closing connection";

export interface GoaOptions {
  /** Context values for the call of a request. */
  readonly contextValues: (request: IncomingMessage) => ContextValues;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
  /** Maximum size of a client's message, in bytes. */
  readonly maxPayload: number;
}

/**
 * Serves one upgrade request by a Connect handler: if the handler refuses the call before it
 * accepts it, the client gets an HTTP status; later errors are close codes.
 */
export async function serveGoa(
  method: GoaMethod,
  handler: UniversalHandler,
  upgrade: Upgrade,
  { contextValues, stopping }: GoaOptions,
): Promise<void> {
  const { request } = method;
  const query = new URLSearchParams(upgrade.request.url?.replace(/^[^?]*/, ""));
  const postRooms = request ? undefined : roomsOf(query);
  const intake = new GoaIntake(postRooms !== undefined, postRooms?.[0] ?? "");
  const end = endOf(upgrade, intake);
  let response: GoaResponse | undefined;

  async function begin() {
    const answer = await handler({
      // With 1.x a handler would say that it cannot do bidi, which a WebSocket can.
      httpVersion: "2.0",
      method: "POST",
      // Without the query, which was parsed before and may contain secrets.
      url: callUrl(upgrade.request, handler.requestPath),
      header: headersOf(upgrade.request),
      body: request
        ? requestBody(() => toBinary(handler.method.input, request(query)))
        : { [Symbol.asyncIterator]: () => intake },
      signal: end.signal,
      contextValues: contextValues(upgrade.request)
        .set(wireKey, {
          cut: () => response?.cut(),
          authenticated: () => upgrade.authenticated(),
          sendsEmptyTexts: true,
          postRooms,
        })
        .set(unreadKey, upgrade.unread),
    });
    response = await GoaResponse.begin(answer);
    const headers: Record<string, string> = { ...method.headers?.(query) };
    for (const name of [cursorHeader, requestIdHeader]) {
      const value = answer.header?.get(name);
      if (value) {
        headers[name] = value;
      }
    }
    return { response, toTexts: method.toTexts(query), headers };
  }

  try {
    const call = await begin().catch(refusalOf);
    if (call instanceof ConnectError) {
      // Goa's clients expect another answer if there is no token at all.
      const hasToken = Boolean(upgrade.request.headers.authorization);
      upgrade.refuse(hasToken ? errorAnswer(call) : missingHeader("token"));
      return;
    }
    const socket = intake.open((options) => upgrade.accept(options), call.headers);
    // The hook that saw the socket may have cancelled the call.
    const error = upgrade.signal.aborted
      ? ConnectError.from(upgrade.signal.reason, Code.Canceled)
      : await call.response.sendTo(socket, call.toTexts);
    if (error === undefined) {
      socket.end(endReason);
    } else if (stopping.aborted && error.code === Code.Unavailable) {
      socket.fail(closeCodes.shutdown, error);
    } else {
      socket.fail(closeCodes.connect + error.code, error);
    }
  } finally {
    end.dispose();
    intake.abandon();
    response?.release();
  }
}

/**
 * The only message, made when it is read: if the query cannot be read, that is the call's error.
 */
async function* requestBody(message: () => Uint8Array): AsyncGenerator<Uint8Array> {
  yield encodeEnvelope(0, message());
}

/** Why the call is refused. About a token, goa's clients know only one error. */
function refusalOf(error: unknown): ConnectError {
  if (!(error instanceof ConnectError)) {
    throw error;
  }
  return error.code === Code.Unauthenticated ? invalidToken() : error;
}

/**
 * The signal of the call: that of the upgrade, but delayed for a client that sent everything and
 * left at once, as goa's clients do: its messages are handled as if it were still there.
 */
function endOf(upgrade: Upgrade, intake: GoaIntake) {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const abort = () => controller.abort(upgrade.signal.reason);
  const unsubscribe = onAbort(upgrade.signal, () => {
    if (intake.leftComplete) {
      timer = setTimeout(abort, finishMs);
    } else {
      abort();
    }
  });
  return {
    signal: controller.signal,
    /** The call must not continue, if it did not run to its end. */
    dispose() {
      clearTimeout(timer);
      unsubscribe();
      controller.abort(callOver());
    },
  };
}

function headersOf(handshake: IncomingMessage): Headers {
  const headers = mergeHeaders(handshake, new Headers());
  headers.set("content-type", contentTypeStreamProto);
  // The response is read here, and the client sends nothing that could be compressed.
  headers.delete("connect-accept-encoding");
  headers.delete("connect-content-encoding");
  return headers;
}
