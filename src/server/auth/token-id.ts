import { hash } from "node:crypto";

/**
 * What a token is known by: its `jti`, or a hash of the token if it has none, as some
 * issuers' tokens have not.
 */
export function tokenIdOf(token: string, jti: unknown): string {
  return typeof jti === "string" && jti !== ""
    ? jti
    : `sha256:${hash("sha256", token, "base64url")}`;
}
