import { type WatchedFile, watchFile } from "../../util/watched-file.js";
import { createUsers, type Users } from "./users.js";
import { readUsersFile } from "./users-file.js";

/** The accounts of a file that is read again when it changes. */
export type WatchedUsers = Users & Pick<WatchedFile<Users>, "onChange" | "reload" | "close">;

/**
 * The accounts in a users file, kept up to date: it is read again within a second of its change. If
 * it becomes invalid, the previous accounts stay. Rejects as `readUsersFile` does if it is invalid
 * at the start.
 *
 * @param onError called with what is wrong with a changed file; the error has no hashes
 */
export async function watchUsersFile(
  path: string,
  onError: (error: unknown) => void,
): Promise<WatchedUsers> {
  const file = await watchFile([path], {
    load: async () => createUsers(await readUsersFile(path)),
    onError,
  });
  return {
    find: (name) => file.value.find(name),
    get dummyHash() {
      return file.value.dummyHash;
    },
    onChange: file.onChange,
    reload: file.reload,
    close: file.close,
  };
}
