import type { ContextValues, Interceptor } from "@connectrpc/connect";
import type { Auth, Identity } from "../../auth/auth.js";
import { parseBearerToken } from "../../auth/bearer-token.js";
import { requireScope } from "../../auth/scopes.js";
import { requirePostRoom } from "../posting/check-posts.js";
import { certificateNameKey, identityKey, unreadKey, wireKey } from "./context.js";
import type { MethodAccess } from "./method-access.js";

/**
 * Checks the token and its scope before the method is entered, and tells the method who calls.
 * Methods of other services, mounted beside Chatter's, need a token of any scope, unless `access`
 * says otherwise.
 */
export function createAccessInterceptor(auth: Auth, access: MethodAccess): Interceptor {
  return (next) => async (request) => {
    if (!access.isOpen(request.method)) {
      const { contextValues } = request;
      const identity =
        contextValues.get(identityKey) ?? (await identify(auth, request.header, contextValues));
      const wire = contextValues.get(wireKey);
      wire?.authenticated?.();
      const scope = access.scopeOf(request.method);
      if (scope) {
        requireScope(identity, scope);
      }
      if (wire?.postRooms) {
        requirePostRoom(wire.postRooms, identity);
      }
      contextValues.set(identityKey, identity);
      contextValues.get(unreadKey).belongTo(identity.subject);
    }
    return next(request);
  };
}

/** Checks a call before its message is read. Resolves to whether it may continue. */
export type Admission = (header: Headers, values: ContextValues) => Promise<boolean>;

/**
 * Checks the token of a unary call before its body is read; the interceptors run after that. They
 * report the error.
 */
export function createAdmission(auth: Auth): Admission {
  return async (header, values) => {
    try {
      values.set(identityKey, await identify(auth, header, values));
      return true;
    } catch {
      return false;
    }
  };
}

/** Who calls, by the token; a certificate alone is not enough. */
async function identify(auth: Auth, header: Headers, values: ContextValues): Promise<Identity> {
  const identity = await auth.verify(parseBearerToken(header.get("authorization")));
  const certificateName = values.get(certificateNameKey);
  return certificateName === undefined ? identity : { ...identity, certificateName };
}
