import { createContextKey } from "@connectrpc/connect";

/**
 * When the call's time is over, in milliseconds since 1970. Set for calls that go past
 * Connect, whose signal it aborts otherwise.
 */
export const deadlineKey = createContextKey<number | undefined>(undefined, {
  description: "when the call's time is over",
});
