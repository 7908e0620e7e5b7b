import { hash } from "node:crypto";

/**
 * The identity of a token: its `jti`, or a hash of the token if it has none, as with some issuers.
 */
export function tokenIdOf(token: string, jti: unknown): string {
  return typeof jti === "string" && jti !== ""
    ? jti
    : `sha256:${hash("sha256", token, "base64url")}`;
}
