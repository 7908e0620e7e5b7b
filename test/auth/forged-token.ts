import { createHmac, type KeyObject, sign } from "node:crypto";

/** The secret of the servers under attack. */
export const secret = "0123456789abcdef0123456789abcdef";

/** Header and claims that a server with the defaults accepts. */
export function honest() {
  const now = Math.floor(Date.now() / 1000);
  return {
    header: { alg: "HS256", typ: "JWT" } as Record<string, unknown>,
    claims: {
      iss: "chatter",
      aud: "chatter",
      sub: "goa",
      scopes: ["stream:read"],
      jti: "a-token",
      iat: now,
      nbf: now,
      exp: now + 60,
    } as Record<string, unknown>,
  };
}

/** A token signed by hand, without the library that checks it. */
export function forge(
  { header, claims }: { header: unknown; claims: unknown },
  by: (input: string) => Buffer = hmac(secret),
): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${by(input).toString("base64url")}`;
}

export function hmac(key: string | Buffer, hash = "sha256") {
  return (input: string) => createHmac(hash, key).update(input).digest();
}

export function ed25519(key: KeyObject) {
  return (input: string) => sign(null, Buffer.from(input), key);
}

export function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
