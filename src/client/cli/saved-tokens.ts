import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { cannotReadFile, cannotWriteFile } from "../../cli/errors.js";
import { systemReason } from "../../errors/system-reason.js";
import { unixPathOf, unixUrlOf } from "../../protocol/unix-url.js";
import { tokensDamaged } from "./errors.js";

/*
 * One JSON object: for each origin, its token and when that expires. Only its owner may read it. A
 * token is looked up by origin, so that it is sent to no other.
 */

interface SavedToken {
  readonly token: string;
  /** RFC 3339, UTC; absent: the server did not say. */
  readonly expires_at?: string;
}

/** Where tokens are stored: under XDG_CONFIG_HOME, else ~/.config. */
export function savedTokensFile(): string {
  return join(process.env.XDG_CONFIG_HOME || join(homedir(), ".config"), "chatter", "tokens.json");
}

/** The stored token of the URL's origin; undefined if there is none. */
export async function readSavedToken(url: string): Promise<string | undefined> {
  return (await readTokens())[originOf(url)]?.token;
}

/** Stores the token for the URL's origin, and removes expired ones. */
export async function saveToken(
  url: string,
  token: string,
  expiresAt: Date | undefined,
): Promise<void> {
  const kept = Object.entries(await readTokens()).filter(
    ([, saved]) => saved.expires_at === undefined || Date.parse(saved.expires_at) > Date.now(),
  );
  const tokens: Record<string, SavedToken> = {
    ...Object.fromEntries(kept),
    [originOf(url)]: { token, expires_at: expiresAt?.toISOString() },
  };
  const file = savedTokensFile();
  // Written under another name and renamed: a reader sees the old file or the new one, never a
  // part.
  const draft = `${file}.${process.pid}`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const handle = await open(draft, "wx", 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(tokens, null, 4)}\n`);
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {}); // The folder may be missing.
    throw cannotWriteFile({ path: file, reason: systemReason(error), cause: error });
  }
}

/** All Unix sockets have one and the same origin for `URL`, "null": here, each is one. */
function originOf(url: string): string {
  const path = unixPathOf(url);
  return path === undefined ? new URL(url).origin : unixUrlOf(path);
}

async function readTokens(): Promise<Record<string, SavedToken>> {
  const file = savedTokensFile();
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return {};
    }
    throw cannotReadFile({ path: file, reason: systemReason(error), cause: error });
  }
  const tokens = parseTokens(text);
  if (tokens === undefined) {
    throw tokensDamaged({ file });
  }
  return tokens;
}

/** Undefined if the text is not the content of such a file. */
function parseTokens(text: string): Record<string, SavedToken> | undefined {
  try {
    const tokens = JSON.parse(text) as Record<string, SavedToken>;
    const isWhole = Object.values(tokens).every(({ token }) => typeof token === "string");
    return isWhole ? tokens : undefined;
  } catch {
    return undefined;
  }
}
