import { onTestFinished } from "vitest";
import type { ChatterClient, TransportName } from "../../../src/client/chatter-client.js";
import { createChatterClient, type NodeClientOptions } from "../../../src/client/node.js";
import { startChatter, type TestServer } from "../../support/chatter-server.js";
import { startProxy, type TcpProxy } from "./proxy.js";

/** A client that is closed after the test. */
export function clientFor(options: NodeClientOptions): ChatterClient {
  const client = createChatterClient(options);
  onTestFinished(() => client.close());
  return client;
}

/** A server, a proxy before it, and a client with the server's token. */
export async function connected(
  transport: TransportName = "connect",
): Promise<{ server: TestServer; proxy: TcpProxy; client: ChatterClient }> {
  const server = await startChatter();
  const proxy = await startProxy(server.url);
  const client = clientFor({ url: proxy.url, auth: { token: server.token }, transport });
  return { server, proxy, client };
}
