import type { IncomingMessage } from "node:http";
import type { ConnectError } from "@connectrpc/connect";
import type { ServerOptions, WebSocket } from "ws";
import type { Unread } from "../limits/unread-bytes.js";
import { handlerNotOnGet, noHandler, twoRoutes } from "./errors.js";
import type { HttpAnswer } from "./http-answer.js";
import type { MessageSocket, MessageSocketOptions } from "./message-socket.js";

/** The options of `ws` that a connection can be given. */
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

/** One call as its configure hook sees it. */
export interface ConfiguredCall {
  /** The request that was upgraded. */
  readonly request: IncomingMessage;
  /** Aborted when the call is to end, with a ConnectError as its reason. */
  readonly signal: AbortSignal;
  /** Ends the call with this error (default: `canceled`); the first one counts. */
  cancel(error?: ConnectError): void;
}

/**
 * Sets a new connection up, after its handshake and before its first message. What it
 * starts it ends at the socket's "close". If it throws, the socket is closed with 1011.
 */
export type ConfigureConnection = (socket: WebSocket, call: ConfiguredCall) => void;

/** What can be set for the connections of all endpoints or of one. */
export interface ConnectionOptions {
  /** Options of `ws`. Default: messages of 512 KiB and an envelope, no compression. */
  readonly socket?: SocketOptions;
  /** Default: `pingPolicy()`. */
  readonly configure?: ConfigureConnection;
}

/** An upgrade request that passed the common front, for the route to accept or refuse. */
export interface Upgrade {
  readonly request: IncomingMessage;
  /**
   * The end of the call: aborted when the peer has left (`canceled`), when the bridge
   * closes (`unavailable`), or by {@link cancel}. Its reason is a ConnectError.
   */
  readonly signal: AbortSignal;
  /** Aborted before, when the bridge begins to close; a call that runs has time to end. */
  readonly closing: AbortSignal;
  /** Counts what the client has sent that is not used yet. */
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

/** One path that may be upgraded, and what stands behind it. */
export interface WebSocketRoute extends ConnectionOptions {
  /** As in the request, without the query: "/subscribe". */
  readonly path: string;
  /** The subprotocol that must be offered. Default: none may be. */
  readonly protocol?: string;
  /**
   * The verb. A handshake is a GET; a path with another verb is known to the table, so
   * that an upgrade there gets 405, and must not have a handler.
   */
  readonly method: string;
  /**
   * Serves one upgrade: accepts or refuses, and resolves when the call is over and its
   * socket closing. A rejection is a fault of the route: 500 before the handshake, 1011
   * after it, and it goes to the bridge's `onError`.
   */
  readonly handle?: (upgrade: Upgrade) => Promise<void>;
}

/**
 * The table of routes by path. Throws a TypeError for two routes of one path, for a
 * handler that is bound to another verb than GET, and for a GET route without one.
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
