import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A network that breaks after some bytes. */
export interface FaultyLink {
  /** Such as "127.0.0.1:41234". */
  readonly address: string;
  /** Lets this many more bytes pass, of both directions together, then resets all connections. */
  broken(afterBytes: number): Promise<void>;
  /** Nothing breaks any more. */
  heal(): void;
}

/** Starts a network to a port; closed after the test. */
export async function startFaultyLink(port: number): Promise<FaultyLink> {
  const sockets = new Set<Socket>();
  let left = Number.POSITIVE_INFINITY;
  let tell = () => {};
  const pass = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.setNoDelay(true);
    from.on("error", () => {});
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
    from.on("data", (chunk: Buffer) => {
      if (left >= chunk.length) {
        left -= chunk.length;
        to.write(chunk);
        return;
      }
      const part = chunk.subarray(0, left);
      left = Number.POSITIVE_INFINITY;
      // What has arrived must pass first: a reset would discard it.
      to.write(part, () => {
        for (const socket of sockets) {
          socket.destroy();
        }
        tell();
      });
    });
  };
  const proxy = createServer((client) => {
    const server = connect(port, "127.0.0.1");
    pass(client, server);
    pass(server, client);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  onTestFinished(() => {
    proxy.close();
    for (const socket of sockets) {
      socket.destroy();
    }
  });
  return {
    address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    broken(afterBytes) {
      return new Promise((resolve) => {
        tell = resolve;
        left = afterBytes;
      });
    },
    heal() {
      left = Number.POSITIVE_INFINITY;
      tell();
    },
  };
}
