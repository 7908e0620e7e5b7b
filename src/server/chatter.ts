import { setMaxListeners } from "node:events";
import type { IncomingMessage } from "node:http";
import { createContextValues } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { maxTimerMs } from "../async/max-timer.js";
import { ChatterService } from "../gen/chatter_pb.js";
import { keepByteOrderMarks } from "../protocol/text-encoding.js";
import { parseBearerToken } from "./auth/bearer-token.js";
import type { ChatterOptions } from "./chatter-options.js";
import { createHandlers } from "./handlers.js";
import { CallAdmission } from "./http/admission/call-admission.js";
import { createUpgradeListener } from "./http/admission/upgrade-admission.js";
import { createMisdirectedAnswer } from "./http/host-check.js";
import { connectionOf } from "./http/http2/websocket-stream.js";
import { createRequestListener, createStreamListener } from "./http/listeners.js";
import { createPage } from "./http/page/page.js";
import { createRoute } from "./http/router.js";
import type { Servable } from "./http/servable.js";
import { setCertificateName } from "./http/tls/client-certificate.js";
import { withCors } from "./http/wrappers/cors.js";
import { withDeferredHeaders } from "./http/wrappers/deferred-headers.js";
import { withErrorText } from "./http/wrappers/error-text.js";
import { withMediaTypes } from "./http/wrappers/media-type.js";
import { defaultLimits, type Limits } from "./limits/limits.js";
import { UnreadBytes } from "./limits/unread-bytes.js";
import { createUploadTimeouts } from "./limits/upload-timeouts.js";
import { createMetricsPage } from "./metrics/metrics-page.js";
import { createHostCheck } from "./net/allowed-hosts.js";
import { createRefusedOrigins, parseOrigins } from "./net/origins.js";
import { createPeerAddress, createTrustedProxies, peerAddressKey } from "./net/peer-address.js";
import { type CallProtocol, wireProtocol } from "./service/call/context.js";
import { asConnectError, isServerFault, stoppingError } from "./service/call/errors.js";
import { isMounted, MethodAccess } from "./service/call/method-access.js";
import { OpenCalls } from "./service/call/open-calls.js";
import { createWebSocketBridge } from "./websocket/bridge.js";
import { createPlainLogin } from "./websocket/goa/login.js";
import { createGoaRoutes, goaPaths } from "./websocket/goa/routes.js";

/** Chatter, to be served by any Node server. */
export interface Chatter extends Servable {
  /** Every method of every service, for adapters of other kinds. */
  readonly handlers: readonly UniversalHandler[];
  /** Whether new calls are accepted: the log accepts writes and the server is not stopping. */
  readonly isReady: () => boolean;
  /** How many calls are in progress. */
  readonly openCalls: number;
  /** How many connections are WebSockets. */
  readonly openWebSockets: number;
}

/**
 * Puts Chatter together: its methods, the log's export, health and reflection, over one log.
 *
 * It listens on no port: mount its listeners on servers of your own, or use `listen`. A server of
 * `node:http` should have `requestTimeout` 0, so that long uploads are not cut, and
 * `maxHeadersCount` 0, because Node drops headers otherwise. Call `stop` before you close the log,
 * which stays yours.
 *
 * Throws a TypeError for invalid `trustedProxies`, `allowedOrigins` and `allowedHosts`.
 *
 * @example
 * ```ts
 * const log = createMemoryLog();
 * const chatter = createChatter({ log, auth });
 * const server = http2.createServer().on("stream", chatter.streamListener).listen(8080);
 *
 * server.close();
 * await chatter.stop();
 * await log.close();
 * ```
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
  setMaxListeners(0, stopping.signal); // Each call in progress has one.
  const isReady = () => !stopping.signal.aborted && log.writeFault === undefined;
  const unread = new UnreadBytes(limits);
  const access = new MethodAccess();
  const handlers = createHandlers(options, {
    access,
    limits,
    calls,
    stopping: stopping.signal,
    isReady,
    unread,
  });
  const isTrustedProxy = createTrustedProxies(options.trustedProxies);
  const addressOf = createPeerAddress(isTrustedProxy);
  const contextValuesOf =
    (protocol: CallProtocol) =>
    ({ socket, headers }: IncomingMessage) =>
      setCertificateName(
        createContextValues()
          .set(wireProtocol, protocol)
          .set(peerAddressKey, addressOf(socket.remoteAddress, headers["x-forwarded-for"])),
        connectionOf(socket),
      );
  const misdirected = createMisdirectedAnswer(createHostCheck(options.allowedHosts ?? ["*"]), () =>
    limits.onRefused?.("allowed_hosts"),
  );
  const onRefusedOrigin = createRefusedOrigins((origin) =>
    logger?.info(
      { origin },
      "a page of this origin was refused: --allowed-origins (CHATTER_ALLOWED_ORIGINS) names those that may call",
    ),
  );
  const bridge = createWebSocketBridge({
    ...options.webSocket,
    origins: options.allowedOrigins ?? [],
    refuse: ({ url = "", headers }) => misdirected({ target: url, headers }),
    handlers,
    contextValues: contextValuesOf("websocket-tunnel"),
    routes: createGoaRoutes(handlers, {
      contextValues: contextValuesOf("websocket-plain"),
      stopping: stopping.signal,
      maxPayload: options.webSocket?.socket?.maxPayload ?? limits.maxMessageBytes,
    }),
    guards: {
      identify: async (header) => {
        const token = parseBearerToken(header.get("authorization"));
        return (await auth.verify(token)).subject;
      },
      isOpen: (method) => access.isOpen(method) && isMounted(method),
      unreadOf: ({ socket, headers }) =>
        unread.open(addressOf(socket.remoteAddress, headers["x-forwarded-for"])),
      idle: createUploadTimeouts({ ...limits, firstMessageTimeoutMs: limits.uploadIdleTimeoutMs }),
      onRefused: limits.onRefused,
    },
    onRefusedOrigin,
    onSilent: () => metrics?.recordUnresponsive("websocket"),
    onError: (error) => logger?.error({ err: error }, "WebSocket failed"),
  });
  const login = handlers.find(({ method }) => method === ChatterService.method.login)!;
  const pageFiles = page
    ? createPage((error) => logger?.error({ err: error }, "the page cannot be loaded"))
    : [];
  const metricsPages = metrics && options.metricsPage !== false ? [createMetricsPage(metrics)] : [];
  const callable = [
    ...handlers.map(withDeferredHeaders).map(withErrorText).map(withMediaTypes),
    createPlainLogin(login),
  ];
  const route = withCors(
    createRoute({
      handlers: [...callable, ...pageFiles, ...metricsPages],
      webSocketPaths: goaPaths,
      isReady,
      publicKeys: auth.publicKeys && (() => auth.publicKeys!()),
    }),
    {
      handlers: callable,
      origins: parseOrigins(options.allowedOrigins),
      onRefused: onRefusedOrigin,
    },
  );
  const admission = new CallAdmission({ isTrustedProxy, addressOf });
  const onError = (error: unknown) => {
    // What a client did wrong is in the line of its call.
    if (isServerFault(asConnectError(error))) {
      logger?.error({ err: error }, "request failed");
    }
  };
  const served = { route, addressOf, misdirected, unread, admission, onError };
  return {
    handlers,
    limits,
    isTrustedProxy,
    requestListener: createRequestListener(served, {
      waitMs: limits.requestTimeoutMs,
      onRefused: limits.onRefused,
    }),
    streamListener: createStreamListener(served, bridge.upgrade),
    upgradeListener: createUpgradeListener(bridge.upgrade, admission),
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
      // Calls end by themselves; this is for sockets without calls, and cuts nobody off.
      const sockets = { endAfterMs: spreadMs + 2_000, deadlineMs: maxTimerMs };
      await Promise.all([calls.none(), bridge.close(sockets)]);
      ignoreRevocations?.();
    },
  };
}
