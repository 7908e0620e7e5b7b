import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** Where and how one connection is cut. */
export interface Cut {
  /** Which bytes are counted: those of the client ("up") or of the server ("down"). */
  readonly direction: "up" | "down";
  /** This many bytes pass. */
  readonly bytes: number;
  /** Then both sides see a reset, or an orderly end. */
  readonly how: "reset" | "end";
}

/** Stands between a client and a server, and does to their connections what networks do. */
export interface TcpProxy {
  readonly url: string;
  /** How many connections came. */
  readonly connections: number;
  /** Nothing passes any more on the present connections; nobody is notified. */
  freeze(): void;
  /** Resets all connections. */
  cut(): void;
  /** Later connections go there. */
  redirect(target: string): void;
  close(): Promise<void>;
}

/**
 * @param cuts one for each connection in order, and later ones are not cut; or a function that
 * returns each connection's own
 */
export async function startProxy(
  target: string,
  cuts: readonly Cut[] | (() => Cut | undefined) = [],
): Promise<TcpProxy> {
  let { hostname, port } = new URL(target);
  const pairs = new Set<readonly [Socket, Socket]>();
  let connections = 0;
  const server = createServer((client) => {
    const cut = typeof cuts === "function" ? cuts() : cuts[connections];
    connections++;
    const upstream = connect(Number(port), hostname);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => {
        pairs.delete(pair);
        client.destroy();
        upstream.destroy();
      });
    }
    pass(client, upstream, cut?.direction === "up" ? cut : undefined);
    pass(upstream, client, cut?.direction === "down" ? cut : undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  async function close(): Promise<void> {
    cutAll();
    if (server.listening) {
      server.close();
      await once(server, "close");
    }
  }
  function cutAll(): void {
    for (const pair of pairs) {
      for (const socket of pair) {
        socket.resetAndDestroy();
      }
    }
  }
  onTestFinished(close);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    freeze() {
      for (const pair of pairs) {
        for (const socket of pair) {
          socket.removeAllListeners("data").removeAllListeners("end").pause();
        }
      }
    },
    cut: cutAll,
    redirect(next) {
      ({ hostname, port } = new URL(next));
    },
    close,
  };
}

function pass(from: Socket, to: Socket, cut: Cut | undefined): void {
  let left = cut?.bytes ?? Number.POSITIVE_INFINITY;
  from.on("data", (chunk: Buffer) => {
    const passed = chunk.subarray(0, left);
    left -= passed.length;
    to.write(passed);
    if (left === 0) {
      for (const socket of [from, to]) {
        cut?.how === "reset" ? to.write("", () => socket.resetAndDestroy()) : socket.end();
      }
    }
  });
  from.on("end", () => to.end());
}
