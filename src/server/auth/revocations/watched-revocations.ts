import { Code, ConnectError } from "@connectrpc/connect";
import { type WatchedFile, watchFile } from "../../util/watched-file.js";
import { nothingRevoked } from "./errors.js";
import { createRevocations, type Revocations } from "./revocations.js";
import { readRevocationsFile } from "./revocations-file.js";

/** The revocations in a file that is read again when it changes. */
export type WatchedRevocations = Revocations &
  Pick<WatchedFile<Revocations>, "onChange" | "reload" | "close">;

/**
 * The revocations in a file, kept up to date: it is read again within a second of its change. If
 * the file does not exist at the start, nothing is revoked until it does; if it disappears later,
 * or becomes invalid, the previous revocations stay. Rejects with `failed_precondition` if it is
 * invalid at the start.
 *
 * @param onError called with what is wrong with the file, or that it is missing
 */
export async function watchRevocationsFile(
  path: string,
  onError: (error: unknown) => void,
): Promise<WatchedRevocations> {
  let started = false;
  const file = await watchFile([path], {
    async load() {
      try {
        return createRevocations(await readRevocationsFile(path));
      } catch (error) {
        const { code, rawMessage } = ConnectError.from(error);
        if (started || code !== Code.NotFound) {
          throw error;
        }
        onError(nothingRevoked({ problem: rawMessage }));
        return createRevocations({ tokens: [], users: [] });
      } finally {
        started = true;
      }
    },
    onError,
  });
  return {
    has: (identity) => file.value.has(identity),
    acceptedFrom: (subject) => file.value.acceptedFrom?.(subject) ?? 0,
    onChange: file.onChange,
    reload: file.reload,
    close: file.close,
  };
}
