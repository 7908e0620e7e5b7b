/*
 * What a program does to files, from a recording by strace (`-f -y -xx`). Anything about files of
 * the recorded folder that is not understood is an error: nothing is skipped.
 */

/** A change, or a request to have changes on the disk. Paths are those at the time of the call. */
export type FileCall =
  | { readonly kind: "create" | "mkdir" | "unlink" | "rmdir"; readonly path: string }
  | { readonly kind: "rename"; readonly path: string; readonly to: string }
  | { readonly kind: "truncate"; readonly path: string; readonly size: number }
  | {
      readonly kind: "write";
      readonly path: string;
      /** undefined: at the end. */
      readonly offset: number | undefined;
      readonly data: Buffer;
      /** Whether it is on the disk when it returns: the file was opened so. */
      readonly isDurable: boolean;
    }
  | { readonly kind: "sync"; readonly path: string }
  /** A line that the program printed. */
  | { readonly kind: "print"; readonly text: string };

/** A call and the lines of the recording in which it begins and ends. */
export type Recorded = FileCall & { readonly begin: number; readonly end: number };

/** The options that strace needs for this. */
export const straceOptions = [
  ...["-f", "-qq", "-y", "-xx", "-s", "10000000", "--seccomp-bpf"],
  "-e",
  "trace=openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,rename," +
    "renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,fallocate," +
    "copy_file_range,link,linkat,symlink,symlinkat",
];

/** Reads a recording: what was done in a folder, in the order in which the calls returned. */
export function parseRecording(trace: string, root: string): Recorded[] {
  const begun = new Map<string, { text: string; line: number }>();
  const calls: Recorded[] = [];
  const files = new OpenFiles();
  for (const [line, whole] of trace.split("\n").entries()) {
    const [, thread, text] = /^(\d+) +(.*)$/.exec(whole) ?? [];
    if (thread === undefined || text === undefined) {
      continue;
    }
    if (text.endsWith(" <unfinished ...>")) {
      begun.set(thread, { text: text.slice(0, -" <unfinished ...>".length), line });
      continue;
    }
    const [, rest] = /^<\.\.\. \w+ resumed>(.*)$/.exec(text) ?? [];
    const start = rest === undefined ? { text, line } : begun.get(thread);
    begun.delete(thread);
    for (const call of callsOf(`${start?.text ?? ""}${rest ?? ""}`, root, files)) {
      calls.push({ ...call, begin: start?.line ?? line, end: line });
    }
  }
  return calls;
}

/** What is known of open files by their descriptors. */
class OpenFiles {
  readonly #flags = new Map<string, { isDurable: boolean; appends: boolean; at: number }>();

  open(fd: string, flags: string): void {
    const isDurable = /O_D?SYNC/.test(flags);
    this.#flags.set(fd, { isDurable, appends: flags.includes("O_APPEND"), at: 0 });
  }

  isDurable(fd: string): boolean {
    return this.#flags.get(fd)?.isDurable ?? false;
  }

  /** Where a write without a place goes; undefined: to the end. */
  advance(fd: string, length: number): number | undefined {
    const file = this.#flags.get(fd);
    if (file === undefined || file.appends) {
      return undefined;
    }
    file.at += length;
    return file.at - length;
  }
}

function* callsOf(text: string, root: string, files: OpenFiles): Generator<FileCall> {
  const [, name, args = "", result = ""] = /^(\w+)\((.*)\) += (.*)$/s.exec(text) ?? [];
  if (name === undefined || result.startsWith("-1") || result.startsWith("?")) {
    return;
  }
  const [, fd = "", atFd] = /^(\d+)<((?:\\x..)*)>/.exec(args) ?? [];
  const strings = [...args.matchAll(/"((?:\\x..)*)"(\.\.\.)?/g)].map(([, hex, cut]) => {
    if (cut !== undefined) {
      throw new Error(`strace has cut off a string of ${name}`);
    }
    return decode(hex!);
  });
  const isInside = (path: string) => path === root || path.startsWith(`${root}/`);
  const isDeleted = /^\d+<[^>]*>\(deleted\)/.test(args);
  const path = atFd === undefined ? (strings[0]?.toString() ?? "") : decode(atFd).toString();
  if (name === "write" && fd === "1") {
    const lines = strings[0]!.toString().split("\n").filter(Boolean);
    yield* lines.map((line) => ({ kind: "print", text: line }) as const);
    return;
  }
  if (!isInside(path) || isDeleted) {
    return;
  }
  const count = Number.parseInt(result, 10);
  switch (name) {
    case "open":
    case "openat": {
      const flags = /O_[A-Z_|]+/.exec(args.replace(/AT_FDCWD<[^>]*>/, ""))?.[0] ?? "";
      files.open(String(count), flags);
      if (flags.includes("O_CREAT")) {
        yield { kind: "create", path };
      }
      if (flags.includes("O_TRUNC")) {
        yield { kind: "truncate", path, size: 0 };
      }
      return;
    }
    case "write":
    case "pwrite64":
    case "writev":
    case "pwritev": {
      const data = Buffer.concat(strings).subarray(0, count);
      const isPlaced = name.startsWith("p");
      const offset = isPlaced ? Number(/(\d+)$/.exec(args)![1]) : files.advance(fd, count);
      yield { kind: "write", path, offset, data, isDurable: files.isDurable(fd) };
      return;
    }
    case "truncate":
    case "ftruncate":
      yield { kind: "truncate", path, size: Number(/(\d+)$/.exec(args)![1]) };
      return;
    case "rename":
    case "renameat":
    case "renameat2":
      yield { kind: "rename", path, to: strings[1]!.toString() };
      return;
    case "unlink":
    case "rmdir":
      yield { kind: name, path };
      return;
    case "unlinkat":
      yield { kind: args.includes("AT_REMOVEDIR") ? "rmdir" : "unlink", path };
      return;
    case "mkdir":
    case "mkdirat":
      yield { kind: "mkdir", path };
      return;
    case "fsync":
    case "fdatasync":
      yield { kind: "sync", path };
      return;
    default:
      throw new Error(`the recording has a call that is not understood: ${name}`);
  }
}

function decode(hex: string): Buffer {
  return Buffer.from(hex.replaceAll("\\x", ""), "hex");
}
