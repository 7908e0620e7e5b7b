import type { ConnectError } from "@connectrpc/connect";

/** How a subscription or a publisher stands with the server. */
export type ConnectionState =
  /** A publisher without a stream: the next post opens one. */
  | { readonly status: "idle" }
  /** It gets a token, or waits for the server to accept its call. */
  | { readonly status: "connecting" }
  /** The server has accepted its call. */
  | { readonly status: "live" }
  /** The last try failed for `reason`; the next one comes in `delayMs` milliseconds. */
  | { readonly status: "waiting"; readonly reason: ConnectError; readonly delayMs: number }
  /** It is over: with a reason if it has failed for good, without if it was ended. */
  | { readonly status: "closed"; readonly reason?: ConnectError };

/**
 * Called with each change of state, at once. What it throws is an uncaught exception of the
 * program, as with listeners of events: it does not come between the client and the server.
 */
export type StateListener = (state: ConnectionState) => void;

/** Tells a listener, if there is one. */
export function tellState(listener: StateListener | undefined, state: ConnectionState): void {
  try {
    listener?.(state);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
