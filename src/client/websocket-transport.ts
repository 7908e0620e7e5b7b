import type { Interceptor, Transport } from "@connectrpc/connect";
import type { CommonTransportOptions } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import { createWebSocketClient, type WebSocketClientOptions } from "./websocket-client.js";

export interface WebSocketTransportOptions
  extends WebSocketClientOptions,
    Pick<CommonTransportOptions, "jsonOptions" | "binaryOptions" | "defaultTimeoutMs"> {
  /**
   * Where the service is: calls go to BASE/package.Service/Method. "https:" becomes
   * "wss:", "http:" becomes "ws:".
   */
  readonly baseUrl: string;
  /** Default: true. False sends messages as JSON. */
  readonly useBinaryFormat?: boolean;
  /** Run once for each call. Default: none. */
  readonly interceptors?: readonly Interceptor[];
  /** Longest message that is taken, in bytes. Default: the protocol's limit, 4 GiB. */
  readonly readMaxBytes?: number;
  /** Longest message that is sent, in bytes. Default: the protocol's limit, 4 GiB. */
  readonly writeMaxBytes?: number;
}

const protocolLimit = 0xffffffff;

/**
 * Makes a transport that carries the Connect protocol over WebSockets, one a call: all four
 * kinds of call in browsers, and in Node. It imports nothing of Node's.
 *
 * ```ts
 * const transport = createWebSocketTransport({ baseUrl: "https://chatter.example" });
 * const client = createClient(ChatterService, transport);
 * for await (const event of client.subscribe({}, { headers: { authorization } })) { … }
 * ```
 */
export function createWebSocketTransport(options: WebSocketTransportOptions): Transport {
  return createTransport({
    httpClient: createWebSocketClient(options),
    baseUrl: options.baseUrl,
    useBinaryFormat: options.useBinaryFormat ?? true,
    interceptors: [...(options.interceptors ?? [])],
    jsonOptions: options.jsonOptions,
    binaryOptions: options.binaryOptions,
    defaultTimeoutMs: options.defaultTimeoutMs,
    readMaxBytes: options.readMaxBytes ?? protocolLimit,
    writeMaxBytes: options.writeMaxBytes ?? protocolLimit,
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: 0,
  });
}
