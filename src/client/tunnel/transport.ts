import type { Interceptor, Transport } from "@connectrpc/connect";
import type { CommonTransportOptions } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import { keepByteOrderMarks } from "../../protocol/text-encoding.js";
import { withLateReaders } from "../transport/late-readers.js";
import { connectTimeout, withLongDeadlines } from "../transport/long-deadlines.js";
import { createWebSocketClient, type WebSocketClientOptions } from "./client.js";

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
  /** Maximum size of a received message, in bytes. Default: the protocol's limit, 4 GiB. */
  readonly readMaxBytes?: number;
  /** Maximum size of a sent message, in bytes. Default: the protocol's limit, 4 GiB. */
  readonly writeMaxBytes?: number;
}

const protocolLimit = 0xffffffff;

/**
 * Makes a transport that carries the Connect protocol over WebSockets, one for each call: all four
 * kinds of call in browsers, and in Node. It imports no Node modules.
 *
 * Throws a TypeError if there is no global WebSocket, as before Node 22, and none is given.
 *
 * @example
 * ```ts
 * const transport = createWebSocketTransport({ baseUrl: "http://localhost:8080", webSocket });
 * const client = createClient(ChatterService, transport);
 * const headers = { authorization: `Bearer ${token}` };
 * for await (const { message } of client.history({ last: 1n }, { headers })) {
 *   console.log(message);
 * }
 * ```
 */
export function createWebSocketTransport(options: WebSocketTransportOptions): Transport {
  keepByteOrderMarks();
  const transport = createTransport({
    httpClient: createWebSocketClient(options),
    baseUrl: options.baseUrl,
    useBinaryFormat: options.useBinaryFormat ?? true,
    interceptors: [...(options.interceptors ?? [])],
    jsonOptions: options.jsonOptions,
    binaryOptions: options.binaryOptions,
    readMaxBytes: options.readMaxBytes ?? protocolLimit,
    writeMaxBytes: options.writeMaxBytes ?? protocolLimit,
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: 0,
  });
  return withLateReaders(withLongDeadlines(transport, connectTimeout, options.defaultTimeoutMs));
}
