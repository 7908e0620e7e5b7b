import { ConnectError } from "@connectrpc/connect";
import { type Fail, failureOf, isRecord, parseJson, timeOf } from "../json-record.js";
import { checkSubject } from "../names.js";
import type { RevocationList, RevokedToken, RevokedUser } from "./revocations.js";

/**
 * The revocations in the text of a file. Throws `failed_precondition` that begins with `source` and
 * says what is wrong where.
 */
export function parseRevocations(text: string, source: string): RevocationList {
  const fail = failureOf(source);
  const content = parseJson(text, fail);
  if (!isRecord(content, ["tokens", "users"])) {
    return fail('is not an object with the fields "tokens" and "users", two lists');
  }
  const { tokens, users } = content;
  if (!Array.isArray(tokens) || !Array.isArray(users)) {
    return fail('"tokens" or "users" is not a list');
  }
  return {
    tokens: tokens.map((entry: unknown, index) =>
      parseToken(entry, (fault) => fail(`tokens[${index}] ${fault}`)),
    ),
    users: users.map((entry: unknown, index) =>
      parseUser(entry, (fault) => fail(`users[${index}] ${fault}`)),
    ),
  };
}

/** The text of a file with these revocations. */
export function formatRevocations({ tokens, users }: RevocationList): string {
  const content = {
    tokens: tokens.map(({ id, expiresAt }) => ({
      id,
      ...(expiresAt === undefined ? {} : { expires_at: new Date(expiresAt).toISOString() }),
    })),
    users: users.map(({ name, before }) => ({ name, before: new Date(before).toISOString() })),
  };
  return `${JSON.stringify(content, undefined, 2)}\n`;
}

function parseToken(entry: unknown, fail: Fail): RevokedToken {
  if (!isRecord(entry, ["id"], ["expires_at"])) {
    return fail('is not an object with the field "id" and perhaps "expires_at"');
  }
  const { id, expires_at: expires } = entry;
  if (typeof id !== "string" || id === "") {
    return fail('has an "id" that is not a text');
  }
  return expires === undefined
    ? { id }
    : { id, expiresAt: timeOf(expires) ?? fail('has an "expires_at" that is not a time') };
}

function parseUser(entry: unknown, fail: Fail): RevokedUser {
  if (!isRecord(entry, ["name", "before"])) {
    return fail('is not an object with the fields "name" and "before"');
  }
  const { name, before } = entry;
  if (typeof name !== "string") {
    return fail('has a "name" that is not a text');
  }
  try {
    checkSubject(name);
  } catch (error) {
    return fail(ConnectError.from(error).rawMessage);
  }
  return {
    name,
    before: timeOf(before) ?? fail('has a "before" that is not a time'),
  };
}
