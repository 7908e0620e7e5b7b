import { ConnectError } from "@connectrpc/connect";
import { type Fail, failureOf, isRecord, parseJson, timeOf } from "../json-record.js";
import { checkUserName } from "../names.js";
import { passwordCost } from "../passwords.js";
import { checkScopes } from "../scopes.js";
import type { User } from "./users.js";

const fields = ["name", "password_hash", "scopes", "created_at"];

/**
 * The accounts in the text of a users file. Throws `failed_precondition` that begins with `source`
 * and says what is wrong where. Password hashes are never quoted.
 */
export function parseUsers(text: string, source: string): User[] {
  const fail = failureOf(source);
  const content = parseJson(text, fail);
  const list = isRecord(content, ["users"]) ? content.users : undefined;
  if (!Array.isArray(list)) {
    return fail('is not an object with the one field "users", a list');
  }
  const places = new Map<string, number>();
  return list.map((entry: unknown, index) => {
    const place = `users[${index}]`;
    if (!isRecord(entry, fields)) {
      return fail(`${place} is not an object with the fields ${fields.join(", ")}`);
    }
    const user = parseUser(entry, (fault) => fail(`${place}: ${fault}`));
    const before = places.get(user.name);
    if (before !== undefined) {
      fail(`users[${before}] and ${place} have the same name, ${JSON.stringify(user.name)}`);
    }
    places.set(user.name, index);
    return user;
  });
}

/** The text of a users file with these accounts. */
export function formatUsers(users: readonly User[]): string {
  const content = {
    users: users.map((user) => ({
      name: user.name,
      password_hash: user.passwordHash,
      scopes: user.scopes,
      created_at: new Date(user.createdAt).toISOString(),
    })),
  };
  return `${JSON.stringify(content, undefined, 2)}\n`;
}

function parseUser(entry: Record<string, unknown>, fail: Fail): User {
  const { name, password_hash: passwordHash, scopes, created_at: created } = entry;
  if (typeof name !== "string") {
    return fail("name is not a text");
  }
  if (typeof passwordHash !== "string") {
    return fail("password_hash is not a text");
  }
  if (!Array.isArray(scopes) || !scopes.every((scope) => typeof scope === "string")) {
    return fail("scopes is not a list of texts");
  }
  const createdAt = timeOf(created);
  if (createdAt === undefined) {
    return fail('created_at is not a time such as "2025-01-31T12:00:00.000Z"');
  }
  try {
    checkUserName(name);
    passwordCost(passwordHash);
    return { name, passwordHash, scopes: checkScopes(scopes), createdAt };
  } catch (error) {
    return fail(ConnectError.from(error).rawMessage);
  }
}
