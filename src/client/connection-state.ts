import type { ConnectError } from "@connectrpc/connect";

/** The state of a subscription's or a publisher's connection. */
export type ConnectionState =
  /** A publisher without a stream: the next post opens one. */
  | { readonly status: "idle" }
  /** It requests a token, or waits for the server to accept its call. */
  | { readonly status: "connecting" }
  /** The server has accepted its call. */
  | { readonly status: "live" }
  /** The last attempt failed for `reason`; the next one comes in `delayMs` milliseconds. */
  | { readonly status: "waiting"; readonly reason: ConnectError; readonly delayMs: number }
  /** It is over: with a reason if it has failed for good, without if it was ended. */
  | { readonly status: "closed"; readonly reason?: ConnectError };

/**
 * Called synchronously with each change of state. What it throws is an uncaught exception of the
 * program, as with event listeners: it does not come between the client and the server.
 */
export type StateListener = (state: ConnectionState) => void;

/** Calls a listener, if there is one. */
export function tellState(listener: StateListener | undefined, state: ConnectionState): void {
  try {
    listener?.(state);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
