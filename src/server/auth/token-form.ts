// Longer ones are refused before any work is done for them. Those issued here have 300 to 1,000
// characters.
const maxTokenLength = 8192;

/** Accepts a text that is short enough and has the form of a token. Throws for others. */
export function checkTokenForm(token: string): void {
  if (token.length > maxTokenLength) {
    throw new Error(`the token has ${token.length} characters, more than ${maxTokenLength}`);
  }
  if (!isCanonical(token)) {
    throw new Error("the token is not base64url, written in the one right way");
  }
}

/**
 * Decoders ignore blanks, padding and the spare bits of the last digit, so a token could be
 * changed, and accepted as another one, with its signature still valid.
 */
function isCanonical(token: string): boolean {
  return token
    .split(".")
    .every((part) => Buffer.from(part, "base64url").toString("base64url") === part);
}

/** The `iss` that a token claims; nothing about it is verified yet. */
export function claimedIssuer(token: string): unknown {
  if (token.length > maxTokenLength) {
    return undefined;
  }
  try {
    const claims = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
    return (JSON.parse(claims) as { iss?: unknown } | null)?.iss;
  } catch {
    return undefined;
  }
}
