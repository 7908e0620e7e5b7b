import { Code, ConnectError } from "@connectrpc/connect";
import {
  createAsyncIterable,
  encodeEnvelope,
  type UniversalHandlerFn,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  contentTypeUnaryJson,
  createEndStreamSerialization,
  endStreamFlag,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { onAbort } from "../../../async/abort.js";
import { startTimer } from "../../../async/long-timer.js";
import { closeCodes } from "../../../protocol/close-codes.js";
import { timedOut } from "../../service/call/errors.js";
import type { MessageSocket } from "../message-socket.js";
import type { Upgrade } from "../route.js";
import { EnvelopeTracker, isConnectStream } from "./envelope-tracker.js";

/** How long a handler has to end a call by itself once its signal is aborted. */
const ownEndMs = 500;

/** How long the client has to take the end of a call that was ended, if it gives no credit. */
const lastCreditMs = 5_000;

const endStreamSerialization = createEndStreamSerialization(undefined);

/**
 * Ensures that a call ends once its signal is aborted or its deadline has passed, even if its
 * method ignores its signal: `forced` is aborted when the handler has had its time to end the call
 * itself, and the socket is closed if the client then does not take what is left.
 */
export function enforceEnd(upgrade: Upgrade, socket: MessageSocket) {
  const forced = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  let stopDeadline = () => {};
  const force = () => {
    forced.abort(reasonOf(upgrade.signal));
    timers.push(setTimeout(() => failWithReason(forced.signal, socket), lastCreditMs));
  };
  const checkEnd = () => {
    if (upgrade.signal.aborted && socket.left.aborted) {
      force();
    } else if (upgrade.signal.aborted) {
      timers.push(setTimeout(force, ownEndMs));
    }
  };
  const unsubscribes = [upgrade.signal, socket.left].map((signal) => onAbort(signal, checkEnd));
  return {
    forced: forced.signal,
    /** Sets the deadline, as the Connect protocol writes it. */
    by(timeout: string | null) {
      // The handler refuses an invalid timeout.
      if (timeout !== null && /^\d{1,10}$/.test(timeout)) {
        stopDeadline = startTimer(Number(timeout), () => upgrade.cancel(timedOut()));
      }
    },
    dispose() {
      for (const unsubscribe of unsubscribes) {
        unsubscribe();
      }
      timers.forEach(clearTimeout);
      stopDeadline();
    },
  };
}

/** Closes the socket with the reason of an aborted signal. */
export function failWithReason(signal: AbortSignal, socket: MessageSocket): void {
  const error = reasonOf(signal);
  socket.fail(closeCodes.connect + error.code, error);
}

/**
 * Runs a handler of the Connect protocol so that its call ends, even if the method ignores its
 * signal: when `forced` is aborted, the rest of the response is an error with the signal's reason,
 * as the handler itself would have encoded it. The method is left alone. In the middle of a message
 * there can be no error; the body then rejects with it.
 */
export async function runToEnforcedEnd(
  handler: UniversalHandlerFn,
  request: UniversalServerRequest,
  forced: AbortSignal,
): Promise<UniversalServerResponse> {
  const response = await unlessAborted(handler(request), forced);
  if (response === undefined) {
    return errorResponse(request.header, reasonOf(forced));
  }
  const isStream = isConnectStream(response.header?.get("content-type"));
  const body = response.body === undefined ? undefined : enforced(response.body, isStream, forced);
  return { ...response, body };
}

async function* enforced(
  body: AsyncIterable<Uint8Array>,
  isStream: boolean,
  forced: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  let ended = false;
  const envelopes = new EnvelopeTracker((flags) => {
    ended ||= (flags & endStreamFlag) !== 0;
  });
  try {
    for (;;) {
      const result = await unlessAborted(iterator.next(), forced);
      if (result === undefined) {
        if (!isStream || !envelopes.between) {
          throw reasonOf(forced);
        }
        if (!ended) {
          yield endOfStream(reasonOf(forced));
        }
        return;
      }
      if (result.done === true) {
        return;
      }
      if (isStream) {
        envelopes.pass(result.value);
      }
      yield result.value;
    }
  } finally {
    // Not awaited: it would wait for a method that ignores its signal.
    iterator.return?.().catch(() => {});
  }
}

/** The promise's result; undefined if the signal is aborted before. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  let unsubscribe = () => {};
  const aborted = new Promise<undefined>((resolve) => {
    unsubscribe = onAbort(signal, () => resolve(undefined));
  });
  try {
    // Promise.race handles a rejection that comes too late.
    return await Promise.race([promise, aborted]);
  } finally {
    unsubscribe();
  }
}

function endOfStream(error: ConnectError): Uint8Array {
  const data = endStreamSerialization.serialize({ metadata: new Headers(), error });
  return encodeEnvelope(endStreamFlag, data);
}

function errorResponse(requestHeader: Headers, error: ConnectError): UniversalServerResponse {
  const contentType = requestHeader.get("content-type");
  if (isConnectStream(contentType)) {
    return {
      status: 200,
      header: new Headers({ "content-type": contentType }),
      body: createAsyncIterable([endOfStream(error)]),
    };
  }
  return {
    status: codeToHttpStatus(error.code),
    header: new Headers({ "content-type": contentTypeUnaryJson }),
    body: createAsyncIterable([errorToJsonBytes(error, undefined)]),
  };
}

function reasonOf(signal: AbortSignal): ConnectError {
  return ConnectError.from(signal.reason, Code.Canceled);
}
