import { Code, ConnectError } from "@connectrpc/connect";
import type { LoginRequest } from "../../gen/chatter_pb.js";
import { type BasicCredentials, parseBasicCredentials } from "../auth/basic-credentials.js";

/** The credentials of a login: its fields, or "Authorization: Basic" if both are empty. */
export function credentialsOf(request: LoginRequest, header: Headers): BasicCredentials {
  if (request.user === "" && request.password === "") {
    return parseBasicCredentials(header.get("authorization"));
  }
  if (request.user === "" || request.password === "") {
    throw new ConnectError(
      `${request.user === "" ? "user" : "password"} is empty: give both user and password, ` +
        'or neither and "Authorization: Basic"',
      Code.InvalidArgument,
    );
  }
  return { user: request.user, password: request.password };
}
