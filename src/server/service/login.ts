import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, MethodImpl } from "@connectrpc/connect";
import type { ChatterService } from "../../gen/chatter_pb.js";
import type { Auth } from "../auth/auth.js";
import type { LoginAttempts } from "../limits/login-attempts.js";
import { credentialsOf } from "./credentials.js";
import { peerAddressKey } from "./peer-address.js";

/**
 * Login: a name and a password, by fields or by "Authorization: Basic", for a token.
 *
 * @param attempts bounds the failed ones; undefined: nothing does
 */
export function createLogin(
  auth: Auth,
  attempts: LoginAttempts | undefined,
): MethodImpl<typeof ChatterService.method.login> {
  return async function login(request, context: HandlerContext) {
    const { user, password } = credentialsOf(request, context.requestHeader);
    const attempt = { address: context.values.get(peerAddressKey), user };
    const login = () => auth.login(user, password, context.signal);
    const issued = await (attempts ? attempts.run(attempt, login, context.signal) : login());
    return { token: issued.token, expiresAt: timestampFromMs(issued.expiresAt) };
  };
}
