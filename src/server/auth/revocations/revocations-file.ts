import { setTimeout as sleep } from "node:timers/promises";
import { changePrivateFile, nameOf, type PrivateFile, readPrivateFile } from "../private-file.js";
import { revocationsMissing } from "./errors.js";
import type { RevocationList, RevokedToken } from "./revocations.js";
import { formatRevocations, parseRevocations } from "./revocations-format.js";

/**
 * The revocations in a file:
 *
 *     { "tokens": [{ "id": JTI, "expires_at" }, …], "users": [{ "name", "before" }, …] }
 *
 * Rejects with `not_found` if the file does not exist, or with `failed_precondition` if it is
 * invalid.
 */
export async function readRevocationsFile(path: string): Promise<RevocationList> {
  const file = revocationsFile(path);
  const content = await readPrivateFile(file);
  if (content === undefined) {
    throw revocationsMissing({ file: nameOf(file) });
  }
  return parseRevocations(content.toString(), nameOf(file));
}

/**
 * Revokes one token. The file is created if it does not exist; expired tokens are dropped from it.
 * Rejects with `unavailable` if another process is changing the file, and as {@link
 * readRevocationsFile}.
 */
export async function revokeToken(path: string, token: RevokedToken): Promise<void> {
  await changeRevocations(path, ({ tokens, users }) => ({
    tokens: [...tokens.filter(({ id }) => id !== token.id), token],
    users,
  }));
}

/**
 * Revokes all tokens that the account has now. Resolves at the end of the second in which it was
 * called: tokens state only the second in which they were issued, so a token issued later in the
 * same second would be revoked too. Otherwise as {@link revokeToken}.
 */
export async function revokeUser(path: string, name: string): Promise<void> {
  const before = (Math.floor(Date.now() / 1000) + 1) * 1000;
  await changeRevocations(path, ({ tokens, users }) => ({
    tokens,
    users: [...users.filter((user) => user.name !== name), { name, before }],
  }));
  await sleep(Math.max(0, before - Date.now()));
}

function changeRevocations(
  path: string,
  change: (list: RevocationList) => RevocationList,
): Promise<void> {
  const file = revocationsFile(path);
  return changePrivateFile(file, (content) => {
    const { tokens, users } = change(
      content === undefined
        ? { tokens: [], users: [] }
        : parseRevocations(content.toString(), nameOf(file)),
    );
    const now = Date.now();
    const alive = tokens.filter(({ expiresAt }) => expiresAt === undefined || expiresAt > now);
    return formatRevocations({ tokens: alive, users });
  });
}

function revocationsFile(path: string): PrivateFile {
  return { path, kind: "revocations file" };
}
