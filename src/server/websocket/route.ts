import type { IncomingMessage } from "node:http";
import type { ConnectError } from "@connectrpc/connect";
import type { ServerOptions, WebSocket } from "ws";
import type { Unread } from "../limits/unread-bytes.js";
import { handlerNotOnGet, noHandler, twoRoutes } from "./errors.js";
import type { HttpAnswer } from "./http-answer.js";
import type { MessageSocket, MessageSocketOptions } from "./message-socket.js";

/** The options of `ws` that a connection can have. */
export type SocketOptions = Pick<
  ServerOptions,
  | "maxPayload"
  | "perMessageDeflate"
  | "maxBufferedChunks"
  | "maxFragments"
  | "skipUTF8Validation"
  | "allowSynchronousEvents"
  | "autoPong"
  | "WebSocket"
>;

/** One call, as its configure hook sees it. */
export interface ConfiguredCall {
  /** The request that was upgraded. */
  readonly request: IncomingMessage;
  /** Aborted when the call is to end, with a ConnectError as its reason. */
  readonly signal: AbortSignal;
  /** Ends the call with this error (default: `canceled`); the first one counts. */
  cancel(error?: ConnectError): void;
}

/**
 * Sets up a new connection, after its handshake and before its first message. It must end what it
 * starts at the socket's "close". If it throws, the socket is closed with 1011.
 */
export type ConfigureConnection = (socket: WebSocket, call: ConfiguredCall) => void;

/** What can be set for the connections of all endpoints or of one. */
export interface ConnectionOptions {
  /** Options of `ws`. Default: messages of 512 KiB and an envelope, no compression. */
  readonly socket?: SocketOptions;
  /** Default: `pingPolicy()`. */
  readonly configure?: ConfigureConnection;
}

/** An upgrade request that passed the common checks, for the route to accept or refuse. */
export interface Upgrade {
  readonly request: IncomingMessage;
  /**
   * The end of the call: aborted when the peer has left (`canceled`), when the bridge
   * closes (`unavailable`), or by {@link cancel}. Its reason is a ConnectError.
   */
  readonly signal: AbortSignal;
  /** Aborted earlier, when the bridge begins to close; a running call has time to end. */
  readonly closing: AbortSignal;
  /** Counts what the client has sent that is not processed yet. */
  readonly unread: Unread;
  /** The client has shown a valid token: what it sends has its share of each turn. */
  authenticated(): void;
  /** As {@link ConfiguredCall.cancel}. */
  cancel(error?: ConnectError): void;
  /**
   * Completes the handshake, with further response headers if there are any.
   *
   * Throws `canceled` if the peer is gone.
   */
  accept(options?: AcceptOptions): MessageSocket;
  /** Answers with HTTP instead, and ends the connection. */
  refuse(answer: HttpAnswer): void;
}

export interface AcceptOptions extends MessageSocketOptions {
  /** Headers of the 101 response. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A path that may be upgraded, and what handles it. */
export interface WebSocketRoute extends ConnectionOptions {
  /** As in the request, without the query: "/subscribe". */
  readonly path: string;
  /** The subprotocol that must be offered. Default: none may be offered. */
  readonly protocol?: string;
  /**
   * The HTTP method. A handshake is a GET; the table also has paths with other methods, which must
   * not have a handler: an upgrade there gets 405.
   */
  readonly method: string;
  /**
   * Serves one upgrade: accepts or refuses it, and resolves when the call is over and its socket is
   * closing. A rejection is a fault of the route: 500 before the handshake, 1011 after it, and
   * `onError` of the bridge is called with it.
   */
  readonly handle?: (upgrade: Upgrade) => Promise<void>;
}

/**
 * The table of routes by path. Throws a TypeError for two routes with the same path, for a handler
 * that is bound to another method than GET, and for a GET route without one.
 */
export function createRouteTable(
  routes: readonly WebSocketRoute[],
): ReadonlyMap<string, WebSocketRoute> {
  const table = new Map<string, WebSocketRoute>();
  for (const route of routes) {
    if (table.has(route.path)) {
      throw twoRoutes({ path: route.path });
    }
    if (route.handle !== undefined && route.method !== "GET") {
      throw handlerNotOnGet({ path: route.path, method: route.method });
    }
    if (route.handle === undefined && route.method === "GET") {
      throw noHandler({ path: route.path });
    }
    table.set(route.path, route);
  }
  return table;
}
