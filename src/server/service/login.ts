import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, MethodImpl } from "@connectrpc/connect";
import type { ChatterService } from "../../gen/chatter_pb.js";
import type { Auth } from "../auth/auth.js";
import { credentialsOf } from "./credentials.js";

/** Login: a name and a password, by fields or by "Authorization: Basic", for a token. */
export function createLogin(auth: Auth): MethodImpl<typeof ChatterService.method.login> {
  return async function login(request, context: HandlerContext) {
    const { user, password } = credentialsOf(request, context.requestHeader);
    const issued = await auth.login(user, password, context.signal);
    return { token: issued.token, expiresAt: timestampFromMs(issued.expiresAt) };
  };
}
