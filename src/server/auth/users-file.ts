import type { Stats } from "node:fs";
import { open, readFile, realpath, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import type { User } from "./users.js";
import { formatUsers, parseUsers } from "./users-format.js";

/**
 * The accounts in a users file, in the file's order:
 *
 *     { "users": [{ "name", "password_hash", "scopes": […], "created_at" }, …] }
 *
 * Rejects with `not_found` if there is no such file, with `failed_precondition` saying
 * what is wrong with it.
 */
export async function readUsersFile(path: string): Promise<User[]> {
  const users = await readUsers(path);
  if (users === undefined) {
    throw new ConnectError(
      `${describe(path)} is not there: make it with "chatter user add NAME"`,
      Code.NotFound,
    );
  }
  return users;
}

export interface AddUserOptions {
  /** Whether an account of the same name is replaced; it keeps its `createdAt`. Default: no. */
  readonly replace?: boolean;
}

/**
 * Adds an account to a users file, which is made if it is not there.
 *
 * Rejects with `already_exists` if there is an account of this name, with `unavailable` if
 * another process is changing the file, and as {@link readUsersFile}.
 */
export async function addUser(
  path: string,
  user: User,
  { replace = false }: AddUserOptions = {},
): Promise<void> {
  await changeUsers(path, async (file) => {
    const users = (await readUsers(file)) ?? [];
    const place = users.findIndex(({ name }) => name === user.name);
    const before = users[place];
    if (before === undefined) {
      return [...users, user];
    }
    if (!replace) {
      throw new ConnectError(
        `user ${JSON.stringify(user.name)} is in ${describe(path)} already`,
        Code.AlreadyExists,
      );
    }
    return users.with(place, { ...user, createdAt: before.createdAt });
  });
}

/**
 * Removes an account from a users file. Rejects with `not_found` if there is none of this
 * name, with `unavailable` if another process is changing the file, and as
 * {@link readUsersFile}.
 */
export async function removeUser(path: string, name: string): Promise<void> {
  await changeUsers(path, async (file) => {
    const users = await readUsersFile(file);
    const rest = users.filter((user) => user.name !== name);
    if (rest.length === users.length) {
      throw new ConnectError(
        `user ${JSON.stringify(name)} is not in ${describe(path)}`,
        Code.NotFound,
      );
    }
    return rest;
  });
}

/**
 * Puts a new file in the place of the old one, so that a reader, or whoever comes after a
 * crash, finds the one or the other. The draft is a lock too: of two changes at the same
 * time neither is lost, one is refused.
 */
async function changeUsers(
  path: string,
  change: (file: string) => Promise<readonly User[]>,
): Promise<void> {
  const before = await ifThere(stat(path), path);
  // What a symbolic link leads to is replaced, not the link.
  const file = before ? await realpath(path) : path;
  const draft = `${file}.tmp`;
  const handle = await open(draft, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "EEXIST"
      ? new ConnectError(
          `${describe(path)} is being changed by another process: try again, or delete ` +
            `${JSON.stringify(draft)} if there is none`,
          Code.Unavailable,
        )
      : fault(path, "written", error);
  });
  try {
    try {
      await handle.writeFile(formatUsers(await change(file)));
      await keepOwner(handle, before);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await unlink(draft);
    throw error instanceof ConnectError ? error : fault(path, "written", error);
  }
  await syncDirectory(dirname(file)).catch((error) => {
    throw fault(path, "made durable", error);
  });
}

/** A file changed by root stays readable for the server's own user. */
async function keepOwner(handle: Awaited<ReturnType<typeof open>>, before: Stats | undefined) {
  if (before === undefined) {
    return;
  }
  const { uid, gid } = await handle.stat();
  if (before.uid !== uid || before.gid !== gid) {
    await handle.chown(before.uid, before.gid);
  }
}

/** Makes the rename itself durable. Windows cannot open a directory, and need not. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") {
    return;
  }
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readUsers(path: string): Promise<User[] | undefined> {
  const text = await ifThere(readFile(path, "utf8"), path);
  return text === undefined ? undefined : parseUsers(text, describe(path));
}

/** What is read, or undefined if there is no such file. */
async function ifThere<T>(reading: Promise<T>, path: string): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return undefined;
    }
    throw fault(path, "read", error);
  }
}

function describe(path: string): string {
  return `users file ${JSON.stringify(path)}`;
}

function fault(path: string, verb: string, cause: unknown): ConnectError {
  return new ConnectError(
    `${describe(path)} cannot be ${verb} (${(cause as NodeJS.ErrnoException).code})`,
    Code.FailedPrecondition,
    undefined,
    undefined,
    cause,
  );
}
