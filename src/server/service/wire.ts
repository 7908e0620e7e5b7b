import { createContextKey } from "@connectrpc/connect";

/**
 * Set by every wire: cuts the call's stream or connection. Called when a call has ended
 * but its peer does not take the rest, which says why.
 */
export const cutWire = createContextKey<(() => void) | undefined>(undefined, {
  description: "cuts the call's wire",
});

/** How a call came, as logs, metrics and traces name it. */
export type CallProtocol = "connect" | "grpc" | "grpc-web" | "websocket-tunnel" | "websocket-plain";

/** Set by wires whose protocol the request's headers do not tell. */
export const wireProtocol = createContextKey<CallProtocol | undefined>(undefined, {
  description: "the protocol of the call's wire",
});
