import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type Client,
  createClient,
  createConnectRouter,
  type Interceptor,
  type ServiceImpl,
} from "@connectrpc/connect";
import { WebSocket } from "ws";
import {
  createWebSocketTransport,
  type WebSocketTransportOptions,
} from "../../src/client/tunnel/transport.js";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import {
  createWebSocketBridge,
  type WebSocketBridge,
  type WebSocketBridgeOptions,
} from "../../src/server/websocket/bridge.js";
import { afterEachTest } from "./clean-up.js";

/** Methods of a test's own behind a bridge, on a plain node server. */
export interface TunnelServer {
  /** Such as "http://127.0.0.1:43210". */
  readonly url: string;
  readonly port: number;
  readonly bridge: WebSocketBridge;
  readonly server: Server;
  /** What the bridge reported as faults; a test that expects some empties it. */
  readonly faults: unknown[];
  client(options?: Partial<WebSocketTransportOptions>): Client<typeof ChatterService>;
}

export interface TunnelServerOptions extends WebSocketBridgeOptions {
  /** Of the router. */
  readonly interceptors?: Interceptor[];
  readonly readMaxBytes?: number;
}

const running: TunnelServer[] = [];

afterEachTest(async () => {
  const faults: unknown[] = [];
  for (const started of running.splice(0)) {
    await started.bridge.close({ deadlineMs: 1_000 });
    started.server.closeAllConnections();
    await new Promise((resolve) => started.server.close(resolve));
    faults.push(...started.faults);
  }
  if (faults.length > 0) {
    throw new AggregateError(faults, "the bridge reported faults");
  }
});

/** Starts a server with these methods, closed after the test, which fails for faults. */
export async function startTunnel(
  methods: Partial<ServiceImpl<typeof ChatterService>>,
  { interceptors, readMaxBytes, ...bridgeOptions }: TunnelServerOptions = {},
): Promise<TunnelServer> {
  const router = createConnectRouter({ interceptors, readMaxBytes });
  router.service(ChatterService, methods);
  const faults: unknown[] = [];
  const bridge = createWebSocketBridge({
    handlers: router.handlers,
    onError: (error) => faults.push(error),
    ...bridgeOptions,
  });
  const server = createServer((request, response) => {
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
    });
    request.on("end", () => response.end(`${request.method} ${request.url} ${length}`));
  });
  server.on("upgrade", bridge.upgrade);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const started: TunnelServer = {
    url,
    port,
    bridge,
    server,
    faults,
    client: (options) =>
      createClient(
        ChatterService,
        createWebSocketTransport({ baseUrl: url, webSocket: WebSocket, ...options }),
      ),
  };
  running.push(started);
  return started;
}

/** Echoes each message as it comes. */
export const echo: ServiceImpl<typeof ChatterService>["echoer"] = async function* (requests) {
  for await (const { message } of requests) {
    yield { message };
  }
};

/** A source of messages that a test feeds. */
export class Feed<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  #ended = false;
  #wake = () => {};

  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) {
        yield item;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/** Resolves when the condition holds; rejects after `ms` milliseconds. */
export async function until(condition: () => boolean, ms = 20_000): Promise<void> {
  const start = Date.now();
  while (!condition()) {
    if (Date.now() - start > ms) {
      throw new Error(`not within ${ms} ms: ${condition}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
