import { changePrivateFile, nameOf, type PrivateFile, readPrivateFile } from "../private-file.js";
import { keyFileExists, keyFileMissing, keySigns } from "./errors.js";
import { formatKeySet } from "./key-set-format.js";
import { parseStoredKeys } from "./signing-key.js";
import { signingKeyAt } from "./signing-keys.js";
import { algorithmOf, makeStoredKey, type SigningAlgorithm, type StoredKey } from "./stored-key.js";

/** The role of a key in a file: it signs, waits until it signs, or only checks older tokens. */
export interface KeyState {
  readonly id: string;
  readonly algorithm: SigningAlgorithm;
  readonly state: "waits" | "signs" | "retired";
  /** In milliseconds since 1970; 0 if it has always signed. */
  readonly signsFrom: number;
  /** The time from which another key signs; undefined if none does. */
  readonly retiredAt: number | undefined;
}

/**
 * The keys of a file, in its order. Rejects with `not_found` if the file does not exist, or with
 * `failed_precondition` if it is invalid.
 */
export async function listKeys(path: string): Promise<KeyState[]> {
  const file = keyFile(path);
  return statesOf(keysIn(file, await readPrivateFile(file)));
}

/**
 * Creates a key set with one key, and resolves to its id. Rejects with `already_exists` if the file
 * exists.
 */
export async function createKeyFile(path: string, algorithm: SigningAlgorithm): Promise<string> {
  const file = keyFile(path);
  const key = makeStoredKey(algorithm, Date.now());
  await changePrivateFile(file, (content) => {
    if (content !== undefined) {
      throw keyFileExists({ file: nameOf(file) });
    }
    return formatKeySet([key]);
  });
  return key.id;
}

export interface RotateOptions {
  /** When the new key begins to sign, in milliseconds since 1970. */
  readonly signsFrom: number;
  /** Default: that of the key that signs now. */
  readonly algorithm?: SigningAlgorithm;
}

/**
 * Adds a key that will sign in place of the current one, whose tokens are still accepted. A file
 * with one key becomes a key set. Resolves to the new key's id. Rejects as {@link listKeys}, and
 * with `unavailable` if another process is changing the file.
 */
export async function rotateKey(
  path: string,
  { signsFrom, algorithm }: RotateOptions,
): Promise<string> {
  const file = keyFile(path);
  let id = "";
  await changePrivateFile(file, (content) => {
    const keys = keysIn(file, content);
    const signing = signingKeyAt(keys, Date.now());
    const key = makeStoredKey(algorithm ?? algorithmOf(signing), signsFrom);
    id = key.id;
    return formatKeySet([...keys, key]);
  });
  return id;
}

/**
 * Removes keys, whose tokens are refused from then on, and resolves to their ids. Rejects
 * with `failed_precondition` if one of them signs, and as {@link rotateKey}.
 *
 * @param isChosen which keys to remove
 */
export async function removeKeys(
  path: string,
  isChosen: (key: KeyState) => boolean,
): Promise<string[]> {
  const file = keyFile(path);
  let removed: KeyState[] = [];
  await changePrivateFile(file, (content) => {
    const keys = keysIn(file, content);
    removed = statesOf(keys).filter(isChosen);
    const signing = removed.find(({ state }) => state === "signs");
    if (signing) {
      throw keySigns({ id: JSON.stringify(signing.id) });
    }
    return formatKeySet(keys.filter(({ id }) => !removed.some((key) => key.id === id)));
  });
  return removed.map(({ id }) => id);
}

function statesOf(keys: readonly StoredKey[]): KeyState[] {
  const now = Date.now();
  const signing = signingKeyAt(keys, now);
  return keys.map((key) => {
    const { id, signsFrom } = key;
    const state = key === signing ? "signs" : signsFrom > now ? "waits" : "retired";
    const retiredAt = state === "retired" ? retirementOf(key, keys, now) : undefined;
    return { id, algorithm: algorithmOf(key), state, signsFrom, retiredAt };
  });
}

/** When the first key began to sign in its place. */
function retirementOf(key: StoredKey, keys: readonly StoredKey[], now: number): number {
  const later = keys.filter((other) => other !== key && signingKeyAt([key, other], now) === other);
  return Math.min(...later.map(({ signsFrom }) => signsFrom));
}

function keyFile(path: string): PrivateFile {
  return { path, kind: "signing key file" };
}

function keysIn(file: PrivateFile, content: Buffer | undefined): StoredKey[] {
  if (content === undefined) {
    throw keyFileMissing({ file: nameOf(file) });
  }
  return parseStoredKeys(content, nameOf(file));
}
