import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, MethodImpl } from "@connectrpc/connect";
import type { ChatterService, LoginRequest } from "../../gen/chatter_pb.js";
import type { Auth } from "../auth/auth.js";
import { type BasicCredentials, parseBasicCredentials } from "../auth/basic-credentials.js";
import type { LoginAttempts } from "../auth/login-attempts.js";
import { networkOf } from "../net/network.js";
import { peerAddressKey } from "../net/peer-address.js";
import { emptyLoginField } from "./errors.js";

/**
 * Login: exchanges a name and a password, in fields or in "Authorization: Basic", for a token.
 *
 * @param attempts limits failed logins
 */
export function createLogin(
  auth: Auth,
  attempts: LoginAttempts,
): MethodImpl<typeof ChatterService.method.login> {
  return async function login(request, context: HandlerContext) {
    const { user, password } = credentialsOf(request, context.requestHeader);
    const address = networkOf(context.values.get(peerAddressKey));
    const login = () => auth.login(user, password, context.signal, address);
    const issued = await attempts.run({ address, user }, login, context.signal);
    return { token: issued.token, expiresAt: timestampFromMs(issued.expiresAt) };
  };
}

/** The credentials of a login: its fields, or "Authorization: Basic" if both are empty. */
function credentialsOf(request: LoginRequest, header: Headers): BasicCredentials {
  if (request.user === "" && request.password === "") {
    return parseBasicCredentials(header.get("authorization"));
  }
  if (request.user === "" || request.password === "") {
    throw emptyLoginField({ field: request.user === "" ? "user" : "password" });
  }
  return { user: request.user, password: request.password };
}
