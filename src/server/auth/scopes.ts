import { Code, ConnectError } from "@connectrpc/connect";
import type { Identity } from "./auth.js";

/** What an account or a token may be allowed to do, in the words of the token's claim. */
export const scopes = ["stream:read", "stream:write"] as const;

/**
 * `stream:read`: read-only access. `stream:write`: read and write access, so whoever has
 * it needs no `stream:read`.
 */
export type Scope = (typeof scopes)[number];

/**
 * Lets pass whoever has the scope. Throws `permission_denied` ("invalid scopes in token")
 * for others.
 */
export function requireScope(identity: Pick<Identity, "scopes">, scope: Scope): void {
  if (identity.scopes.includes(scope) || identity.scopes.includes("stream:write")) {
    return;
  }
  throw new ConnectError("invalid scopes in token", Code.PermissionDenied);
}

/**
 * The same list, known to hold scopes only; an empty list allows nothing. Throws
 * `invalid_argument` naming the first that is no scope.
 */
export function checkScopes(list: readonly string[]): readonly Scope[] {
  const stranger = list.find((name) => !(scopes as readonly string[]).includes(name));
  if (stranger !== undefined) {
    throw new ConnectError(
      `${JSON.stringify(stranger)} is not a scope: the scopes are ${scopes.join(" and ")}`,
      Code.InvalidArgument,
    );
  }
  return list as readonly Scope[];
}
