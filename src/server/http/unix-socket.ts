import { randomBytes } from "node:crypto";
import { chmodSync, lstatSync, renameSync, rmSync, type Stats, statSync } from "node:fs";
import { connect, type Server } from "node:net";
import { dirname, join } from "node:path";
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
  const obstacle = await obstacleAt(path);
  if (obstacle !== undefined) {
    throw cannotListenOnSocket({ path, reason: obstacle });
  }
  // Node removes the path that it was bound to when the server closes, whoever has it by then. And
  // a file that gets its mode before its name never has another one.
  const draft = join(dirname(path), `.${randomBytes(4).toString("hex")}`);
  try {
    await bind(server, draft);
    chmodSync(draft, mode);
    renameSync(draft, path);
  } catch (cause) {
    server.close();
    throw cannotListenOnSocket({ path, reason: systemReason(cause), cause });
  }
  const own = lstatSync(path);
  return {
    remove() {
      if (isSame(statsOf(path), own)) {
        rmSync(path, { force: true });
      }
    },
  };
}

/** Why the path cannot be taken; undefined: nothing is there, or a socket without a server. */
async function obstacleAt(path: string): Promise<string | undefined> {
  let stats: Stats | undefined;
  try {
    statSync(dirname(path)); // Of a missing folder, Node would say "permission denied".
    stats = statsOf(path);
  } catch (error) {
    return systemReason(error);
  }
  if (stats === undefined) {
    return undefined;
  }
  if (!stats.isSocket()) {
    return "there is a file that is not a socket";
  }
  const fault = await connectionFault(path);
  if (fault === undefined) {
    return "another process listens on it";
  }
  return fault.code === "ECONNREFUSED" || fault.code === "ENOENT" ? undefined : systemReason(fault);
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
    server.once("error", reject);
    server.listen({ path, backlog: 4096 }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function statsOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function isSame(stats: Stats | undefined, { dev, ino }: Stats): boolean {
  return stats?.dev === dev && stats.ino === ino;
}
