// Longer ones are refused before any work is done for them. Those made here have 300 to
// 1,000 characters.
const maxTokenLength = 8192;

/** Lets pass what is short enough and written as a token is. Throws for the rest. */
export function checkTokenForm(token: string): void {
  if (token.length > maxTokenLength) {
    throw new Error(`the token has ${token.length} characters, more than ${maxTokenLength}`);
  }
  if (!isCanonical(token)) {
    throw new Error("the token is not base64url, written in the one right way");
  }
}

/**
 * Decoders pass over blanks, padding and the last digit's spare bits, so that a token could
 * be changed, and checked as another one, without its signature getting wrong.
 */
function isCanonical(token: string): boolean {
  return token
    .split(".")
    .every((part) => Buffer.from(part, "base64url").toString("base64url") === part);
}

/** The `iss` that a token claims, which nothing is known of yet. */
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
