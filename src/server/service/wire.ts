import { createContextKey } from "@connectrpc/connect";

/**
 * Set by every wire: cuts the call's stream or connection. Called when a call has ended
 * but its peer does not take the rest, which says why.
 */
export const cutWire = createContextKey<(() => void) | undefined>(undefined, {
  description: "cuts the call's wire",
});
