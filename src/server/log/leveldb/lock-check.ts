import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * Whether a process has a LevelDB folder open, as far as that can be known: LevelDB locks a file
 * with fcntl, which Node cannot query. Linux has a list of locks; elsewhere the answer is no.
 */
export function isLevelFolderOpen(folder: string): boolean {
  const path = join(folder, "LOCK");
  let inode: bigint;
  let list: string;
  try {
    inode = statSync(path, { bigint: true }).ino;
    list = readFileSync("/proc/locks", "latin1");
  } catch {
    return false;
  }
  // "3: POSIX  ADVISORY  WRITE 4711 fd:01:262147 0 EOF"
  return [...list.matchAll(/POSIX +ADVISORY +WRITE +(\d+) +\w+:\w+:(\d+) /g)].some(
    ([, process, locked]) => BigInt(locked!) === inode && mayHave(Number(process), path),
  );
}

/** Whether a process has a file open: several disks can have the same inode number. */
function mayHave(process: number, path: string): boolean {
  const files = `/proc/${process}/fd`;
  try {
    const real = realpathSync(path);
    return readdirSync(files).some((fd) => {
      try {
        return readlinkSync(join(files, fd)) === real;
      } catch {
        return false; // It was closed meanwhile.
      }
    });
  } catch {
    return true; // Another user's: it cannot be inspected.
  }
}
