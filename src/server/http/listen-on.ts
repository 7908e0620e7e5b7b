import { type AddressInfo, createServer, type Server } from "node:net";
import { cannotListen } from "./errors.js";

export interface ListenOnOptions {
  readonly host: string;
  readonly port: number;
  /** Whether other servers may listen on it, too. Default: false. */
  readonly reusePort?: boolean;
}

/**
 * Resolves when the server listens; rejects with `failed_precondition` and the reason if it cannot.
 */
export function listenOn(
  server: Server,
  { host, port, reusePort = false }: ListenOnOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) =>
      reject(cannotListen({ host, port, reason: reasonOf(error), cause: error }));
    server.once("error", fail);
    const options = { host, port, reusePort, backlog: 4096 };
    server.listen(options, () => {
      server.off("error", fail);
      resolve();
    });
  });
}

/**
 * Rejects as `listenOn` does if nobody could listen there now: for what must not be done if the
 * server cannot start.
 */
export async function checkListenable(address: ListenOnOptions): Promise<void> {
  const server = createServer();
  await listenOn(server, address);
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

/** Where a server listens, such as "http://127.0.0.1:8080". */
export function urlOf(scheme: string, server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `${scheme}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

function reasonOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "EADDRINUSE":
      return "address already in use";
    case "EACCES":
      return "permission denied";
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return "not an address of this machine";
    default:
      return error.message;
  }
}
