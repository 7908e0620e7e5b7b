import { type WatchedFile, watchFile } from "../../util/watched-file.js";
import { readSigningKeys, type SigningKey } from "./signing-key.js";

/** The keys of a server: the tokens of each are accepted, one of them signs. */
export interface SigningKeys {
  /** In any order. Without keys, no token is valid. */
  readonly list: readonly SigningKey[];
  /** Calls the listener when `list` has changed. Returns a function that unsubscribes. */
  onChange?(listener: () => void): () => void;
}

/** The keys of a file that is read again when it changes. */
export type WatchedSigningKeys = SigningKeys &
  Pick<WatchedFile<readonly SigningKey[]>, "onChange" | "reload" | "close">;

/**
 * The key that signs at a given time: the one that began last. Before any has begun, it is the
 * first one to begin; of several that begin together, the last in the list.
 */
export function signingKeyAt<Key extends { readonly signsFrom: number }>(
  keys: readonly Key[],
  time: number,
): Key {
  const later = (one: Key, other: Key) => (other.signsFrom >= one.signsFrom ? other : one);
  const begun = keys.filter(({ signsFrom }) => signsFrom <= time);
  return begun.length > 0
    ? begun.reduce(later)
    : keys.reduce((one, other) => (other.signsFrom < one.signsFrom ? other : one));
}

/**
 * The keys in a file, kept up to date: it is read again within a second of its change. If it
 * becomes invalid, the previous keys stay. Rejects as `readSigningKeys` does if it is invalid at
 * the start.
 *
 * @param onError called with what is wrong with a changed file; the error has no part of a key
 * @param load how the file is read. Default: as `readSigningKeys` does
 */
export async function watchSigningKeys(
  path: string,
  onError: (error: unknown) => void,
  load: () => Promise<readonly SigningKey[]> = () => readSigningKeys(path),
): Promise<WatchedSigningKeys> {
  const file = await watchFile([path], { load, onError });
  return {
    get list() {
      return file.value;
    },
    onChange: file.onChange,
    reload: file.reload,
    close: file.close,
  };
}
