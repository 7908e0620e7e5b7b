import { Code, ConnectError, createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Identity } from "../auth/auth.js";

/** Who calls; set for every method that needs a token. */
export const identityKey = createContextKey<Identity | undefined>(undefined, {
  description: "who calls",
});

/** Who calls this method, which needs a token. */
export function callerOf(context: Pick<HandlerContext, "values">): Identity {
  const identity = context.values.get(identityKey);
  if (!identity) {
    throw new ConnectError(
      "the method needs a token, but is not among those that check it",
      Code.Internal,
    );
  }
  return identity;
}
