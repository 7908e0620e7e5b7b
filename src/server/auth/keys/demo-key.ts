import { randomBytes } from "node:crypto";
import { type FileHandle, link, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ConnectError } from "@connectrpc/connect";
import { systemReason } from "../../../errors/system-reason.js";
import { makeFolder } from "../../util/make-folder.js";
import {
  demoKeyUnusable,
  signingKeyExposed,
  signingKeyMissing,
  signingKeyVanished,
} from "./errors.js";
import { parseSigningKeys, type SigningKey } from "./signing-key.js";
import { type WatchedSigningKeys, watchSigningKeys } from "./signing-keys.js";

/** The path of the demo's key. */
export function demoKeyPath(dataDir: string): string {
  return join(dataDir, "signing-key");
}

/**
 * The demo's keys: an HS256 key, created once and kept in the data directory as `signing-key`, mode
 * 0600, so that tokens outlive a restart, or what `chatter key rotate` has made of it. The
 * directory is created if it does not exist.
 *
 * Rejects with `failed_precondition` if others can read the file. It was created with mode 0600, so
 * that is an accident or worse: whoever read it can make tokens. A new key costs nothing but a
 * login, so the file is refused and not repaired.
 */
export async function loadOrCreateDemoKeys(dataDir: string): Promise<readonly SigningKey[]> {
  const path = demoKeyPath(dataDir);
  try {
    await makeFolder(dataDir);
    return (await load(path)) ?? (await create(path));
  } catch (error) {
    throw error instanceof ConnectError
      ? error
      : demoKeyUnusable({
          path: JSON.stringify(path),
          reason: systemReason(error),
          cause: error,
        });
  }
}

/** The demo's keys, kept up to date with the file; otherwise as {@link loadOrCreateDemoKeys}. */
export async function watchDemoKeys(
  dataDir: string,
  onError: (error: unknown) => void,
): Promise<WatchedSigningKeys> {
  await loadOrCreateDemoKeys(dataDir);
  const path = demoKeyPath(dataDir);
  return watchSigningKeys(path, onError, async () => {
    const keys = await load(path);
    if (keys === undefined) {
      throw signingKeyMissing({ path: JSON.stringify(path) });
    }
    return keys;
  });
}

async function load(path: string): Promise<readonly SigningKey[] | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return undefined;
    }
    throw error;
  }
  try {
    const source = `signing key ${JSON.stringify(path)}`;
    const { mode } = await file.stat();
    // Windows has no such modes, and shows every file as readable by everyone.
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw signingKeyExposed({ source, mode: `0${(mode & 0o777).toString(8)}` });
    }
    return await parseSigningKeys(await file.readFile(), source);
  } finally {
    await file.close();
  }
}

async function create(path: string): Promise<readonly SigningKey[]> {
  // Written completely under another name and then linked to its path, which fails if a file
  // already exists: of two processes that start together, both get the key of the first one.
  const draft = `${path}.${randomBytes(8).toString("hex")}.tmp`;
  const file = await open(draft, "wx", 0o600);
  try {
    try {
      await file.writeFile(`${randomBytes(32).toString("base64")}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") {
        throw error;
      }
    });
  } finally {
    await unlink(draft);
  }
  const keys = await load(path);
  if (keys === undefined) {
    throw signingKeyVanished({ path: JSON.stringify(path) });
  }
  return keys;
}
