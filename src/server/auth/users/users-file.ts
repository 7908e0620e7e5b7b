import { changePrivateFile, nameOf, type PrivateFile, readPrivateFile } from "../private-file.js";
import { unknownUser, userExists, usersFileMissing } from "./errors.js";
import type { User } from "./users.js";
import { formatUsers, parseUsers } from "./users-format.js";

/**
 * The accounts in a users file, in the file's order:
 *
 *     { "users": [{ "name", "password_hash", "scopes": […], "created_at" }, …] }
 *
 * Rejects with `not_found` if the file does not exist, or with `failed_precondition` if it is
 * invalid.
 */
export async function readUsersFile(path: string): Promise<User[]> {
  const file = usersFile(path);
  return usersIn(file, await readPrivateFile(file));
}

export interface AddUserOptions {
  /** Whether an account of the same name is replaced; it keeps its `createdAt`. Default: no. */
  readonly replace?: boolean;
}

/**
 * Adds an account to a users file, which is created if it does not exist.
 *
 * Rejects with `already_exists` if there is an account of this name, with `unavailable` if
 * another process is changing the file, and as {@link readUsersFile}.
 */
export async function addUser(
  path: string,
  user: User,
  { replace = false }: AddUserOptions = {},
): Promise<void> {
  const file = usersFile(path);
  await changePrivateFile(file, (content) => {
    const users = content === undefined ? [] : usersIn(file, content);
    const place = users.findIndex(({ name }) => name === user.name);
    const before = users[place];
    if (before === undefined) {
      return formatUsers([...users, user]);
    }
    if (!replace) {
      throw userExists({ name: JSON.stringify(user.name), file: nameOf(file) });
    }
    return formatUsers(users.with(place, { ...user, createdAt: before.createdAt }));
  });
}

/**
 * Removes an account from a users file. Rejects with `not_found` if there is none of this
 * name, with `unavailable` if another process is changing the file, and as
 * {@link readUsersFile}.
 */
export async function removeUser(path: string, name: string): Promise<void> {
  const file = usersFile(path);
  await changePrivateFile(file, (content) => {
    const users = usersIn(file, content);
    const rest = users.filter((user) => user.name !== name);
    if (rest.length === users.length) {
      throw unknownUser({ name: JSON.stringify(name), file: nameOf(file) });
    }
    return formatUsers(rest);
  });
}

function usersFile(path: string): PrivateFile {
  return { path, kind: "users file" };
}

function usersIn(file: PrivateFile, content: Buffer | undefined): User[] {
  if (content === undefined) {
    throw usersFileMissing({ file: nameOf(file) });
  }
  return parseUsers(content.toString(), nameOf(file));
}
