import { createContextKey } from "@connectrpc/connect";

/** What a call comes by. */
export interface Wire {
  /**
   * Cuts the call's stream or connection. Called when a call has ended but its peer does not
   * take the rest, which says why.
   */
  cut(): void;
  /** Of the request's signal: who ends the call may abort it in place of a signal of its own. */
  readonly controller?: AbortController;
}

/** Set by every wire. */
export const wireKey = createContextKey<Wire | undefined>(undefined, {
  description: "the call's wire",
});

/** How a call came, as logs, metrics and traces name it. */
export type CallProtocol = "connect" | "grpc" | "grpc-web" | "websocket-tunnel" | "websocket-plain";

/** Set by wires whose protocol the request's headers do not tell. */
export const wireProtocol = createContextKey<CallProtocol | undefined>(undefined, {
  description: "the protocol of the call's wire",
});
