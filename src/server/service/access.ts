import type { DescMethod } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import { ChatterService } from "../../gen/chatter_pb.js";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { Health } from "../../gen/health/v1/health_pb.js";
import { LogService } from "../../gen/log_pb.js";
import type { Auth } from "../auth/auth.js";
import { parseBearerToken } from "../auth/bearer-token.js";
import { requireScope, type Scope } from "../auth/scopes.js";
import { identityKey } from "./identity.js";

/** The scope that each of Chatter's methods needs; Login needs no token. An export is a long history. */
const scopeOf = new Map<DescMethod, Scope>([
  [ChatterService.method.listener, "stream:write"],
  [ChatterService.method.summary, "stream:write"],
  [ChatterService.method.echoer, "stream:write"],
  [ChatterService.method.subscribe, "stream:read"],
  [ChatterService.method.history, "stream:read"],
  [LogService.method.export, "stream:read"],
]);

/** What anyone may call. */
const open = new Set<DescMethod>([
  ChatterService.method.login,
  ...Health.methods,
  ...ServerReflection.methods,
  ...ServerReflectionAlpha.methods,
]);

/**
 * Checks the token and its scope before the method is entered, and tells the method who
 * calls. Methods of other services, mounted beside Chatter's, need a token of any scope.
 */
export function createAccessInterceptor(auth: Auth): Interceptor {
  return (next) => async (request) => {
    if (!open.has(request.method)) {
      const token = parseBearerToken(request.header.get("authorization"));
      const identity = await auth.verify(token);
      const scope = scopeOf.get(request.method);
      if (scope) {
        requireScope(identity, scope);
      }
      request.contextValues.set(identityKey, identity);
    }
    return next(request);
  };
}
