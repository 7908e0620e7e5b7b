import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/**
 * A TCP balancer in front of several servers: a connection goes to the first of the ports that
 * accepts it. Resolves with its URL; closed after the test.
 */
export async function startBalancer(ports: readonly number[]): Promise<string> {
  const clients = new Set<Socket>();
  const balancer = createServer({ pauseOnConnect: true }, async (client) => {
    clients.add(client);
    client.on("error", () => {});
    client.on("close", () => clients.delete(client));
    for (const port of ports) {
      const server = connect(port, "127.0.0.1");
      server.on("error", () => {});
      if (await isConnected(server)) {
        server.on("close", () => client.destroy());
        client.on("close", () => server.destroy());
        client.pipe(server).pipe(client);
        return;
      }
    }
    client.destroy();
  });
  balancer.listen(0, "127.0.0.1");
  await once(balancer, "listening");
  onTestFinished(() => {
    balancer.close();
    for (const client of clients) {
      client.destroy();
    }
  });
  return `http://127.0.0.1:${(balancer.address() as AddressInfo).port}`;
}

function isConnected(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("close", () => resolve(false));
  });
}
