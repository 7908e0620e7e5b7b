import { randomUUID } from "node:crypto";
import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { AbortSource, LazyAbort } from "../../../async/lazy-abort.js";
import type { Identity } from "../../auth/auth.js";
import { type Unread, uncounted } from "../../limits/unread-bytes.js";
import { unguardedMethod } from "./errors.js";

/*
 * The context values of a call, which pass from its protocol to its method.
 */

/** The connection that a call comes by. */
export interface Wire {
  /**
   * Cuts the call's stream or connection. Called with the reason when a call has ended but its peer
   * does not take the rest.
   */
  cut(): void;
  /** The call has shown a valid token. */
  authenticated?(): void;
  /**
   * Whether an empty text that comes by it was sent explicitly: protobuf cannot distinguish it from
   * a missing field. Default: false.
   */
  readonly sendsEmptyTexts?: boolean;
  /**
   * The rooms that the client has named for all its posts before it sends any: there should be one,
   * and none means `main`. Default: each post names its own.
   */
  readonly postRooms?: readonly string[] | undefined;
  /** Aborts the request's signal. */
  readonly abort?: LazyAbort;
}

/** Set by every wire. */
export const wireKey = createContextKey<Wire | undefined>(undefined, {
  description: "the call's wire",
});

/** How a call came, as logs, metrics and traces call it. */
export type CallProtocol = "connect" | "grpc" | "grpc-web" | "websocket-tunnel" | "websocket-plain";

/** Set by wires whose protocol the request's headers do not show. */
export const wireProtocol = createContextKey<CallProtocol | undefined>(undefined, {
  description: "the protocol of the call's wire",
});

/** Counts received bytes that are not processed yet. Set by every protocol that counts them. */
export const unreadKey = createContextKey<Unread>(uncounted, {
  description: "what the call has received and not used yet",
});

/**
 * When the call's time is over, by `performance.now()`. Set for calls that bypass Connect, and for
 * deadlines that its timer cannot keep; for all others, it aborts the signal.
 */
export const deadlineKey = createContextKey<number | undefined>(undefined, {
  description: "when the call's time is over",
});

/**
 * Aborts the request's signal: code that ends the call may use it instead of a signal of its own.
 * Set for calls that bypass Connect, whose signal is that of their protocol.
 */
export const abortKey = createContextKey<LazyAbort | undefined>(undefined, {
  description: "aborts the call's signal",
});

/**
 * Has the call's signal, and creates it only if it is needed. Set for calls whose signal no
 * interceptor has replaced, or may have looked at.
 */
export const abortSourceKey = createContextKey<AbortSource | undefined>(undefined, {
  description: "is aborted when the call must end",
});

/** What is aborted when the call must end, without a signal if possible: one takes a KiB. */
export function abortSourceOf(context: Pick<HandlerContext, "values" | "signal">): AbortSource {
  return context.values.get(abortSourceKey) ?? context.signal;
}

/** Set by every wire whose connection has a client certificate that was verified. */
export const certificateNameKey = createContextKey<string | undefined>(undefined, {
  description: "the name in the client's certificate",
});

/**
 * The name in the verified certificate of the client, also for methods that need no token.
 * Undefined: the client has shown none, or was not asked.
 *
 * It is the common name (CN) of the subject. Without one, it is the first URI, DNS name or email
 * address of the subject's alternative names.
 */
export function certificateNameOf(context: Pick<HandlerContext, "values">): string | undefined {
  return context.values.get(certificateNameKey);
}

/** The caller; set for every method that needs a token. */
export const identityKey = createContextKey<Identity | undefined>(undefined, {
  description: "who calls",
});

/** The caller of this method, which needs a token. */
export function callerOf(context: Pick<HandlerContext, "values">): Identity {
  const identity = context.values.get(identityKey);
  if (!identity) {
    throw unguardedMethod();
  }
  return identity;
}

/** Request and response header: an id that names a call in logs, here and at the caller. */
export const requestIdHeader = "x-request-id";

/** Printable ASCII without blanks, so that it fits into any log, and not too long. */
const sane = /^[\x21-\x7e]{1,128}$/;

/** The request's own id if it is acceptable, else a new one. */
export function requestIdOf(header: Headers): string {
  const given = header.get(requestIdHeader);
  return given !== null && sane.test(given) ? given : randomUUID();
}
