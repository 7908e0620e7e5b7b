import { chmodSync, lstatSync, renameSync, rmSync, type Stats, statSync } from "node:fs";
import { connect, type Server } from "node:net";
import { basename, dirname, join } from "node:path";
import { systemReason } from "../../errors/system-reason.js";
import { isSocketPath } from "../../protocol/unix-url.js";
import { cannotListenOnSocket, notASocketPath } from "./errors.js";

/** A Unix socket to listen on. */
export interface SocketTarget {
  /** Absolute. */
  readonly path: string;
  /** Who may connect, as the bits of the file's mode. */
  readonly mode: number;
}

/** A Unix socket that is listened on. */
export interface ListeningSocket {
  /** Removes the file, unless another one has taken its place. */
  remove(): void;
}

/**
 * Listens on a Unix socket. The file of a server that has ended without removing it is replaced;
 * everything else at the path stays: the socket of a running process, and any other kind of file.
 *
 * Rejects with `failed_precondition` and the reason if it cannot listen, and with a TypeError for a
 * path that no socket can have.
 */
export async function listenOnSocket(
  server: Server,
  { path, mode }: SocketTarget,
): Promise<ListeningSocket> {
  if (!isSocketPath(path)) {
    throw notASocketPath({ path: JSON.stringify(path) });
  }
  // The name until the socket has its mode, and the lock of servers that start at once: only one of
  // them can be bound to it. Node removes what is there when the server closes, whoever has it by
  // then, so it is not the path itself.
  const draft = join(dirname(path), `.${basename(path)}.new`);
  try {
    const stale = await staleSocketAt(draft);
    if (stale) {
      removeIfSame(draft, stale);
    }
    await bind(server, draft);
    const own = lstatSync(draft);
    await staleSocketAt(path);
    chmodSync(draft, mode);
    if (!isSame(statsOf(draft), own)) {
      throw inUse();
    }
    renameSync(draft, path);
    return { remove: () => removeIfSame(path, own) };
  } catch (cause) {
    server.close();
    throw cannotListenOnSocket({ path, reason: systemReason(cause), cause });
  }
}

/** Rejects as `listenOnSocket` does if another server listens there, or there is another file. */
export async function checkSocketListenable(path: string): Promise<void> {
  try {
    await staleSocketAt(path);
  } catch (cause) {
    throw cannotListenOnSocket({ path, reason: systemReason(cause), cause });
  }
}

/**
 * Resolves to the file of a socket that has no server; undefined: nothing is there. Rejects if
 * there is something else, which stays.
 */
async function staleSocketAt(path: string): Promise<Stats | undefined> {
  statSync(dirname(path)); // Of a missing folder, Node would say "permission denied".
  const stats = statsOf(path);
  if (stats === undefined) {
    return undefined;
  }
  if (!stats.isSocket()) {
    throw new Error("there is a file that is not a socket");
  }
  const fault = await connectionFault(path);
  switch (fault?.code) {
    case "ECONNREFUSED":
    case "ENOENT":
      return stats;
    case undefined:
    case "EAGAIN": // So many wait for it that it accepts no more.
      throw inUse();
    default:
      throw fault;
  }
}

function inUse(): Error {
  return new Error("another process listens on it");
}

/** Resolves to the error of a connection; undefined: somebody accepts it. */
function connectionFault(path: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("error", resolve).once("connect", () => {
      socket.destroy();
      resolve(undefined);
    });
  });
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? inUse() : error);
    server.once("error", fail);
    server.listen({ path, backlog: 4096 }, () => {
      server.off("error", fail);
      resolve();
    });
  });
}

function statsOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function removeIfSame(path: string, file: Stats): void {
  if (isSame(statsOf(path), file)) {
    rmSync(path, { force: true });
  }
}

function isSame(stats: Stats | undefined, { dev, ino }: Stats): boolean {
  return stats?.dev === dev && stats.ino === ino;
}
