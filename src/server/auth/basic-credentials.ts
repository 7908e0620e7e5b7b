import type { ConnectError } from "@connectrpc/connect";
import { malformedBasicCredentials } from "./errors.js";

/** A name and a password, not checked yet. */
export interface BasicCredentials {
  readonly user: string;
  readonly password: string;
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * The credentials in the value of an `Authorization` header: "Basic ", the scheme in any
 * case, and the base64 of "user:password" in UTF-8 (RFC 7617). A password may have colons.
 *
 * Throws `invalid_argument` if there are none or they cannot be read. The error never
 * quotes the header.
 */
export function parseBasicCredentials(authorization: string | null): BasicCredentials {
  if (!authorization) {
    throw refusal("missing credentials");
  }
  const encoded = /^basic +(\S*)$/i.exec(authorization)?.[1];
  if (encoded === undefined) {
    throw refusal('"Authorization" is not of the scheme Basic');
  }
  if (!base64.test(encoded)) {
    throw refusal('"Authorization" is not base64 after "Basic"');
  }
  const text = decode(Buffer.from(encoded, "base64"));
  const colon = text.indexOf(":");
  if (colon < 0) {
    throw refusal('"Authorization" has no colon between user and password');
  }
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refusal('"Authorization" is not UTF-8');
  }
}

function refusal(fault: string): ConnectError {
  return malformedBasicCredentials({ fault });
}
