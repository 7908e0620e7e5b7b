import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** The network between one server and NATS. */
export interface LinkProxy {
  /** Such as "127.0.0.1:41234". */
  readonly address: string;
  /** Nothing passes any more, on old and new connections; nobody is notified. */
  stall(): void;
  /** Connections are reset, new ones too. */
  cut(): void;
  /** Everything works again; what was held up passes. */
  heal(): void;
}

/** Starts a network to a port; closed after the test. */
export async function startLinkProxy(port: number): Promise<LinkProxy> {
  const sockets = new Set<Socket>();
  let state: "well" | "stalled" | "cut" = "well";
  const pass = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (chunk) => to.write(chunk));
    from.on("error", () => {});
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
    if (state === "stalled") {
      from.pause();
    }
  };
  const proxy = createServer((client) => {
    if (state === "cut") {
      client.resetAndDestroy();
      return;
    }
    const server = connect(port, "127.0.0.1");
    pass(client, server);
    pass(server, client);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const reset = () => {
    for (const socket of sockets) {
      socket.resetAndDestroy();
    }
  };
  onTestFinished(() => {
    proxy.close();
    reset();
  });
  return {
    address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    stall() {
      state = "stalled";
      for (const socket of sockets) {
        socket.pause();
      }
    },
    cut() {
      state = "cut";
      reset();
    },
    heal() {
      state = "well";
      for (const socket of sockets) {
        socket.resume();
      }
    },
  };
}
