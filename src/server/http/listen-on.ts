import type { AddressInfo, Server } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";

/** Resolves when the server listens; rejects with `failed_precondition` and why it cannot. */
export function listenOn(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) =>
      reject(
        new ConnectError(
          `cannot listen on ${host} port ${port}: ${reasonOf(error)}`,
          Code.FailedPrecondition,
          undefined,
          undefined,
          error,
        ),
      );
    server.once("error", fail);
    server.listen({ host, port, backlog: 4096 }, () => {
      server.off("error", fail);
      resolve();
    });
  });
}

/** Where a server listens, such as "http://127.0.0.1:8080". */
export function urlOf(scheme: string, server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `${scheme}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

function reasonOf(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "EADDRINUSE":
      return "another program has it";
    case "EACCES":
      return "that needs more rights";
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return "this machine has no such address";
    default:
      return error.message;
  }
}
