import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A network with a delay in each direction. */
export interface SlowLink {
  /** Such as "127.0.0.1:41234". */
  readonly address: string;
  /** How often a text has passed to the server. */
  passed(text: string): number;
}

/** Starts a network to a port, where what is sent comes `delayMs` later; closed after the test. */
export async function startSlowLink(port: number, delayMs: number): Promise<SlowLink> {
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  let sent = "";
  const pass = (from: Socket, to: Socket, watch: boolean) => {
    sockets.add(from);
    from.setNoDelay(true);
    from.on("error", () => {});
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
    from.on("data", (chunk: Buffer) => {
      if (watch) {
        sent += chunk.toString("latin1");
      }
      const timer = setTimeout(() => {
        timers.delete(timer);
        to.write(chunk);
      }, delayMs);
      timers.add(timer);
    });
  };
  const proxy = createServer((client) => {
    const server = connect(port, "127.0.0.1");
    pass(client, server, true);
    pass(server, client, false);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  onTestFinished(() => {
    proxy.close();
    for (const timer of timers) {
      clearTimeout(timer);
    }
    for (const socket of sockets) {
      socket.destroy();
    }
  });
  return {
    address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    passed: (text) => sent.split(text).length - 1,
  };
}
