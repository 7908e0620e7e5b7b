const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EDQUOT: "the disk quota is used up",
  EISDIR: "it is a folder",
  EMFILE: "too many files are open: raise the limit (ulimit -n)",
  ENFILE: "too many files are open: raise the limit (ulimit -n)",
  ENOENT: "no such file or folder",
  ENOSPC: "the disk is full",
  ENOTDIR: "part of the path is not a folder",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
};

/** Why the system refused an operation on a file, in words; else the error's message. */
export function systemReason(error: unknown): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return reasons[code] ?? message;
}
