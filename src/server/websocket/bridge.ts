import { setMaxListeners } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { ContextValues } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { WebSocketServer } from "ws";
import { messageLimit } from "../../protocol/tunnel.js";
import { lostHeaders, tooManyHeaders } from "../http/header-bytes.js";
import { pathOf } from "../net/request-target.js";
import { stoppingError } from "../service/call/errors.js";
import type { SocketGuards } from "./bridge-limits.js";
import {
  foreignPage,
  noSubprotocol,
  noSuchEndpoint,
  notAHandshake,
  stoppingHandshake,
  subprotocolNotOffered,
  unknownEndpoint,
  wrongHandshakeMethod,
} from "./errors.js";
import { type HttpAnswer, writeHttpAnswer } from "./http-answer.js";
import { createOriginCheck } from "./origin-check.js";
import { passOtherUpgradeOn, wantsWebSocket } from "./other-upgrade.js";
import { pingPolicy, SilentPeer } from "./ping-policy.js";
import {
  type ConfigureConnection,
  type ConnectionOptions,
  createRouteTable,
  type WebSocketRoute,
} from "./route.js";
import { createTunnelRoutes } from "./tunnel/tunnel.js";
import { UpgradedCall } from "./upgraded-call.js";

export interface WebSocketBridgeOptions extends ConnectionOptions {
  /**
   * Served by the tunnel, each at its request path: `createConnectRouter().handlers`.
   * Default: none.
   */
  readonly handlers?: readonly UniversalHandler[];
  /** Routes of other dialects. Default: none. */
  readonly routes?: readonly WebSocketRoute[];
  /** Put before the path of each handler, as in `connectNodeAdapter`. Default: nothing. */
  readonly requestPathPrefix?: string;
  /** Context values for the calls of one request. Default: none. */
  readonly contextValues?: (request: IncomingMessage) => ContextValues;
  /**
   * Pages of these origins may connect, besides those of the same host and clients that are not
   * browsers: "https://app.example". Default: none.
   */
  readonly origins?: readonly string[];
  /** Says first of all why a request gets no WebSocket. Default: none is refused like this. */
  readonly refuse?: (request: IncomingMessage) => HttpAnswer | undefined;
  /**
   * Settings for single endpoints, by path. They take precedence over those of the route, and these
   * over those of the bridge, key by key (`socket` option by option).
   */
  readonly endpoints?: Readonly<Record<string, ConnectionOptions>>;
  /** Milliseconds between the tunnel's heartbeats. Default: 20,000. */
  readonly heartbeatMs?: number;
  /** Limits beyond those of a single socket. Default: none; those of a socket always apply. */
  readonly guards?: SocketGuards;
  /** Called with each `Origin` that was refused. Default: nothing is called. */
  readonly onRefusedOrigin?: (origin: string) => void;
  /** Called for each connection that `pingPolicy` has cut. Default: nothing is called. */
  readonly onSilent?: () => void;
  /** Called with faults of handlers, routes and hooks. Default: `console.error`. */
  readonly onError?: (error: unknown, request: IncomingMessage) => void;
}

export interface CloseOptions {
  /**
   * How long calls may continue before they are ended with `unavailable`, in milliseconds. Default:
   * 0. Handlers that end by themselves (by a router's `shutdownSignal`) need it.
   */
  readonly endAfterMs?: number;
  /** When sockets that are still open are destroyed, in milliseconds. Default: 10,000. */
  readonly deadlineMs?: number;
}

/** Connect handlers, and routes of other dialects, behind the upgrades of a Node server. */
export interface WebSocketBridge {
  /**
   * The listener for "upgrade" of a Node server, http, https, or http2 with `allowHTTP1`. It
   * answers every upgrade request, also those to other protocols.
   */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Number of calls that are running. */
  readonly openCalls: number;
  /** Number of connections that were upgraded or are about to be, including closing ones. */
  readonly openSockets: number;
  /**
   * Accepts no more upgrades (503), ends the calls with `unavailable`, closes their sockets with
   * 1001 and resolves when all are closed, at the deadline at the latest.
   */
  close(options?: CloseOptions): Promise<void>;
}

interface Endpoint {
  readonly route: WebSocketRoute;
  readonly server: WebSocketServer;
  readonly configure: ConfigureConnection;
}

/**
 * Makes the bridge from WebSockets to Connect handlers, of any service. Pass every `upgrade` of the
 * server to it: it also answers those that it refuses.
 *
 * Throws a TypeError for invalid options: see `createRouteTable` and `origins`.
 *
 * @example
 * ```ts
 * const router = createConnectRouter().service(Health, { check: () => ({ status: 1 }) });
 * const bridge = createWebSocketBridge({ handlers: router.handlers });
 * const server = http.createServer().on("upgrade", bridge.upgrade).listen(8080);
 *
 * server.close();
 * await bridge.close();
 * ```
 */
export function createWebSocketBridge(options: WebSocketBridgeOptions): WebSocketBridge {
  const isAllowedOrigin = createOriginCheck(options.origins);
  const onError = options.onError ?? ((error) => console.error("WebSocket call failed", error));
  const endpoints = createEndpoints(options);
  const calls = new Set<UpgradedCall>();
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // Each socket that waits for something has one.
  let closed: Promise<void> | undefined;
  let whenIdle: (() => void) | undefined;

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (lostHeaders(request)) {
      writeHttpAnswer(request, socket, tooManyHeaders());
      return;
    }
    if (!wantsWebSocket(request)) {
      passOtherUpgradeOn(request, socket, head);
      return;
    }
    const refused = options.refuse?.(request);
    if (refused !== undefined) {
      writeHttpAnswer(request, socket, refused);
      return;
    }
    const endpoint = endpoints.get(pathOf(request.url ?? ""));
    const isAllowed = isAllowedOrigin(request);
    if (!isAllowed) {
      options.onRefusedOrigin?.(request.headers.origin ?? "");
    }
    const refusal = isAllowed
      ? refuseUpgrade(request, endpoint?.route, closing.signal.aborted)
      : foreignPage();
    if (refusal !== undefined || endpoint?.route.handle === undefined) {
      writeHttpAnswer(request, socket, refusal ?? { status: 404 });
      return;
    }
    const call = new UpgradedCall(request, socket, head, {
      server: endpoint.server,
      configure: endpoint.configure,
      closing: closing.signal,
      guards: options.guards,
    });
    calls.add(call);
    void call.run(endpoint.route.handle, onError).finally(() => {
      calls.delete(call);
      if (call.signal.reason instanceof SilentPeer) {
        options.onSilent?.();
      }
      if (calls.size === 0) {
        whenIdle?.();
      }
    });
  }

  async function close({ endAfterMs = 0, deadlineMs = 10_000 }: CloseOptions): Promise<void> {
    closing.abort(stoppingError());
    const timers = [
      setTimeout(() => {
        for (const call of calls) {
          call.cancel(stoppingError());
        }
      }, endAfterMs),
      setTimeout(() => {
        for (const call of calls) {
          call.terminate();
        }
        whenIdle?.();
      }, deadlineMs),
    ];
    if (calls.size > 0) {
      await new Promise<void>((resolve) => {
        whenIdle = resolve;
      });
    }
    timers.forEach(clearTimeout);
  }

  return {
    upgrade,
    get openCalls() {
      let running = 0;
      for (const call of calls) {
        running += call.running ? 1 : 0;
      }
      return running;
    },
    get openSockets() {
      return calls.size;
    },
    close(closeOptions = {}) {
      closed ??= close(closeOptions);
      return closed;
    },
  };
}

function createEndpoints(options: WebSocketBridgeOptions): ReadonlyMap<string, Endpoint> {
  const routes = [...(options.routes ?? []), ...createTunnelRoutes(options)];
  const endpoints = new Map<string, Endpoint>();
  for (const [path, route] of createRouteTable(routes)) {
    const own = options.endpoints?.[path];
    endpoints.set(path, {
      route,
      configure: own?.configure ?? route.configure ?? options.configure ?? pingPolicy(),
      server: new WebSocketServer({
        maxPayload: messageLimit,
        perMessageDeflate: false,
        ...options.socket,
        ...route.socket,
        ...own?.socket,
        noServer: true,
        clientTracking: false,
        // By default, ws chooses what was offered first, which may be a token.
        handleProtocols: () => route.protocol ?? false,
      }),
    });
  }
  for (const path of Object.keys(options.endpoints ?? {})) {
    if (!endpoints.has(path)) {
      throw noSuchEndpoint({ path });
    }
  }
  return endpoints;
}

/** Why a request cannot be upgraded on this route; undefined if it can. */
function refuseUpgrade(
  request: IncomingMessage,
  route: WebSocketRoute | undefined,
  closing: boolean,
): HttpAnswer | undefined {
  if (closing) {
    return stoppingHandshake();
  }
  if (route === undefined) {
    return unknownEndpoint();
  }
  if (route.handle === undefined || request.method !== "GET") {
    return wrongHandshakeMethod({ method: route.method, headers: { Allow: route.method } });
  }
  if (
    request.httpVersion !== "1.1" ||
    request.headers.host === undefined ||
    request.headers["sec-websocket-version"] !== "13" ||
    !/^[+/0-9A-Za-z]{22}==$/.test(request.headers["sec-websocket-key"] ?? "")
  ) {
    return notAHandshake({ headers: { "Sec-WebSocket-Version": "13" } });
  }
  const offered = request.headers["sec-websocket-protocol"];
  const protocols = offered === undefined ? [] : offered.split(",").map((name) => name.trim());
  if (route.protocol === undefined && protocols.length > 0) {
    return noSubprotocol();
  }
  if (route.protocol !== undefined && !protocols.includes(route.protocol)) {
    return subprotocolNotOffered({ protocol: route.protocol });
  }
  return undefined;
}
