import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import { heartbeatMs, tunnelProtocol } from "../../protocol/tunnel.js";
import { missingWebSocket } from "../errors.js";
import { WebSocketCall } from "./call.js";
import { callCancelled, onlyPost } from "./errors.js";
import type { WebSocketConstructor, WebSocketLike } from "./socket.js";

/** One call, as its configure hook sees it. */
export interface WebSocketClientCall {
  /** Where the socket goes, "ws:" or "wss:". */
  readonly url: string;
  /** Ends the call with this error (default: `canceled`). */
  cancel(error?: ConnectError): void;
}

export interface WebSocketClientOptions {
  /**
   * The constructor of the sockets. Default: the global WebSocket, which browsers have, and Node
   * since version 22; in Node 20 pass the one of `ws`.
   */
  readonly webSocket?: WebSocketConstructor;
  /** Passed to the constructor as third argument: in Node, the client options of `ws`. */
  readonly webSocketOptions?: unknown;
  /** Sets up a new socket, before it is open. It may cancel the call. */
  readonly configure?: (socket: WebSocketLike, call: WebSocketClientCall) => void;
  /**
   * A call fails with `unavailable` when this many milliseconds pass without a message from
   * the server. Default: 50,000, two and a half of the server's heartbeats.
   */
  readonly silenceMs?: number;
}

/**
 * Makes an HTTP client for Connect transports that carries each call over a WebSocket, so that a
 * browser can make all four kinds of call. Everything about the call is in its first message,
 * including the token; the URL has only the path of the method.
 *
 * Throws a TypeError if there is no WebSocket. The client's errors are ConnectErrors:
 * `unavailable` if the connection cannot be made or breaks.
 */
export function createWebSocketClient(options: WebSocketClientOptions = {}): UniversalClientFn {
  const WebSocket: WebSocketConstructor | undefined = options.webSocket ?? globalThis.WebSocket;
  if (WebSocket === undefined) {
    throw missingWebSocket();
  }
  const { silenceMs = 2.5 * heartbeatMs } = options;
  return async (request) => {
    if (request.method !== "POST") {
      throw onlyPost();
    }
    if (request.signal?.aborted) {
      throw ConnectError.from(request.signal.reason, Code.Canceled);
    }
    const url = new URL(request.url, globalThis.location?.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url.toString(), [tunnelProtocol], options.webSocketOptions);
    const call = new WebSocketCall(socket, url, request, silenceMs);
    const cancel = (error = callCancelled()) => call.fail(error);
    try {
      options.configure?.(socket, { url: url.toString(), cancel });
    } catch (error) {
      cancel(ConnectError.from(error, Code.Internal));
    }
    return call.response;
  };
}
