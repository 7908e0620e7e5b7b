import { setMaxListeners } from "node:events";
import type { IncomingMessage } from "node:http";
import { createContextValues } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { ChatterService } from "../gen/chatter_pb.js";
import type { ChatterOptions } from "./chatter-options.js";
import { createHandlers } from "./handlers.js";
import { withCors } from "./http/cors.js";
import { withExplainedRefusals } from "./http/explained-refusals.js";
import { withLateHead } from "./http/late-head.js";
import {
  createRequestListener,
  createStreamListener,
  type RequestListener,
  type StreamListener,
} from "./http/listeners.js";
import { createPage } from "./http/page.js";
import { createRoute } from "./http/router.js";
import { defaultLimits, type Limits } from "./limits/limits.js";
import { createMetricsPage } from "./metrics/metrics-page.js";
import { stoppingError } from "./service/errors.js";
import { maxTimerMs } from "./service/lifetime.js";
import { OpenCalls } from "./service/open-calls.js";
import { parseOrigins } from "./service/origins.js";
import {
  createPeerAddress,
  createTrustedProxies,
  type IsTrustedProxy,
  peerAddressKey,
} from "./service/peer-address.js";
import { keepByteOrderMarks } from "./service/text.js";
import { type CallProtocol, wireProtocol } from "./service/wire.js";
import { createWebSocketBridge, type WebSocketBridge } from "./websocket/bridge.js";
import { createPlainLogin } from "./websocket/plain/login.js";
import { createPlainRoutes, plainPaths } from "./websocket/plain/routes.js";

/** Chatter, to be served by any Node server. */
export interface Chatter {
  /** Every method of every service, for adapters of other kinds. */
  readonly handlers: readonly UniversalHandler[];
  /**
   * Answers everything that comes by HTTP: the methods by Connect, gRPC and gRPC-Web,
   * goa's POST /login, the page at /, the probes /livez and /readyz, /metrics, the keys of
   * /.well-known/jwks.json, 404 for the rest. For the "request" event of a server of
   * `node:http`, which is enough for all but gRPC and bidirectional streams, or `node:http2`.
   */
  readonly requestListener: RequestListener;
  /** The same for the "stream" event of a server of `node:http2`, and faster there. */
  readonly streamListener: StreamListener;
  /**
   * Opens WebSockets: goa's at /listener and so on, the tunnel at the path of each method.
   * For the "upgrade" event of a server of `node:http`, or of `node:http2` with
   * `allowHTTP1`. It answers every upgrade request.
   */
  readonly upgradeListener: WebSocketBridge["upgrade"];
  /** The limits in force: those of calls are kept, those of connections are the server's to keep. */
  readonly limits: Limits;
  /** Whether connections from an address are a proxy's, on behalf of many clients. */
  readonly isTrustedProxy: IsTrustedProxy;
  /** Whether new calls are welcome: the log takes writes and the server does not stop. */
  readonly isReady: () => boolean;
  /** How many calls are under way. */
  readonly openCalls: number;
  /** How many connections are WebSockets. */
  readonly openWebSockets: number;
  /**
   * Stops: not ready from now on; streams end with `unavailable` ("the server is
   * stopping"), posting ones when what they have read is stored and answered; WebSockets
   * are closed with 1001. Resolves when no call is under way and no WebSocket is open; there
   * is no time limit.
   *
   * When there are many streams (more than 50), they end spread over time, 500 a second or
   * more, so that their clients do not all come back in the same instant.
   *
   * @param spreadMs within how many milliseconds they are told to end; 0: all at once.
   *   Default: 5,000.
   */
  stop(spreadMs?: number): Promise<void>;
}

/**
 * Puts Chatter together: its six methods, the log's export, health and reflection, over one log.
 *
 * Throws a TypeError for `trustedProxies` and `allowedOrigins` that are none.
 *
 * @example
 * const chatter = createChatter({ log: createMemoryLog(), auth });
 * http2.createServer().on("stream", chatter.streamListener).listen(8080);
 */
export function createChatter(options: ChatterOptions): Chatter {
  const { log, auth, logger, metrics, page = true } = options;
  const limits: Limits = {
    ...defaultLimits,
    ...options.limits,
    onRefused(limit) {
      metrics?.refused(limit);
      options.limits?.onRefused?.(limit);
    },
  };
  keepByteOrderMarks();
  const calls = new OpenCalls();
  const ignoreRevocations = auth.onChange?.(() => calls.recheck());
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal); // Each call under way has one.
  const isReady = () => !stopping.signal.aborted && log.writeFault === undefined;
  const handlers = createHandlers(options, { limits, calls, stopping: stopping.signal, isReady });
  const isTrustedProxy = createTrustedProxies(options.trustedProxies);
  const addressOf = createPeerAddress(isTrustedProxy);
  const contextValuesOf =
    (protocol: CallProtocol) =>
    ({ socket, headers }: IncomingMessage) =>
      createContextValues()
        .set(wireProtocol, protocol)
        .set(peerAddressKey, addressOf(socket.remoteAddress, headers["x-forwarded-for"]));
  const bridge = createWebSocketBridge({
    ...options.webSocket,
    origins: options.allowedOrigins ?? [],
    handlers,
    contextValues: contextValuesOf("websocket-tunnel"),
    routes: createPlainRoutes(handlers, {
      contextValues: contextValuesOf("websocket-plain"),
      stopping: stopping.signal,
      maxPayload: options.webSocket?.socket?.maxPayload ?? limits.maxMessageBytes,
    }),
    onSilent: () => metrics?.silent("websocket"),
    onError: (error) => logger?.error({ err: error }, "WebSocket failed"),
  });
  const login = handlers.find(({ method }) => method === ChatterService.method.login)!;
  const pageFiles = page
    ? createPage((error) => logger?.error({ err: error }, "the page cannot be loaded"))
    : [];
  const metricsPages = metrics && options.metricsPage !== false ? [createMetricsPage(metrics)] : [];
  const callable = [
    ...handlers.map(withLateHead).map(withExplainedRefusals),
    createPlainLogin(login),
  ];
  const route = withCors(
    createRoute({
      handlers: [...callable, ...pageFiles, ...metricsPages],
      webSocketPaths: plainPaths,
      isReady,
      publicKeys: auth.publicKeys && (() => auth.publicKeys!()),
    }),
    { handlers: callable, origins: parseOrigins(options.allowedOrigins) },
  );
  return {
    handlers,
    limits,
    isTrustedProxy,
    requestListener: createRequestListener(route, addressOf, limits.requestTimeoutMs),
    streamListener: createStreamListener(route, addressOf),
    upgradeListener: bridge.upgrade,
    isReady,
    get openCalls() {
      return calls.count;
    },
    get openWebSockets() {
      return bridge.openSockets;
    },
    async stop(spreadMs = 5_000) {
      stopping.abort(stoppingError());
      calls.stop(spreadMs);
      // Calls end by themselves; this is for sockets that have none, and hangs up on nobody.
      const sockets = { endAfterMs: spreadMs + 2_000, deadlineMs: maxTimerMs };
      await Promise.all([calls.none(), bridge.close(sockets)]);
      ignoreRevocations?.();
    },
  };
}
