import type { ConnectRouter, Interceptor } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import type { Auth } from "./auth/auth.js";
import type { Limits } from "./limits/limits.js";
import type { MessageLog } from "./log/message-log.js";
import type { Metrics } from "./metrics/metrics.js";
import type { RouteAccess } from "./service/call/method-access.js";
import type { MessagePath } from "./service/passthrough/stream.js";
import type { Logger } from "./util/logger.js";
import type { WebSocketBridgeOptions } from "./websocket/bridge.js";

/** What can be set for WebSockets, for all endpoints or for one. */
export type WebSocketSettings = Pick<
  WebSocketBridgeOptions,
  "socket" | "configure" | "endpoints" | "heartbeatMs"
>;

export interface ChatterOptions {
  /** Where messages are stored and read. It stays the caller's: `stop` does not close it. */
  readonly log: MessageLog;
  /** Checks logins and tokens. */
  readonly auth: Auth;
  /**
   * More services on the same port, behind the same interceptors: their methods need a token, of
   * any scope, and find the caller with `callerOf`. `access` lists those that anyone may call, and
   * those that need a scope. Default: none.
   */
  readonly routes?: (router: ConnectRouter, access: RouteAccess) => void;
  /**
   * More interceptors, just before the method: by then the call is logged, its token and scope are
   * checked, and it ends at its deadline, with its token or with its client. An error that is not a
   * `ConnectError` becomes `internal` with the text "internal error". Default: none.
   */
  readonly interceptors?: readonly Interceptor[];
  /** Gets a line for each call. Default: nothing is logged. */
  readonly logger?: Pick<Logger, "info" | "error">;
  /**
   * The server's metrics, for `GET /metrics`. Default: nothing is measured, and there is no such
   * page.
   */
  readonly metrics?: Metrics;
  /**
   * False: no `GET /metrics` here. Default: true if there are `metrics`, but only for clients on
   * the same machine.
   */
  readonly metricsPage?: boolean;
  /** Called for each stream with the path that its messages take. Default: nothing is called. */
  readonly onStream?: (path: MessagePath, handler: UniversalHandler) => void;
  /**
   * Web pages of these origins may make calls and open WebSockets, besides those of the same
   * host: "https://app.example". Default: none.
   */
  readonly allowedOrigins?: readonly string[];
  /**
   * The hosts for which requests are answered, whatever their port: names ("chatter.example"), all
   * names below one ("*.chatter.example"), addresses ("192.0.2.1", "[2001:db8::1]"), networks
   * ("10.0.0.0/8"), or "*" for every one. Others get 421. Default: every one. A server on a
   * loopback address should have `["localhost", "*.localhost", "127.0.0.0/8", "[::1]"]`, which is
   * the default of `chatter serve` there without TLS: otherwise foreign pages could use it, through
   * a name that points to this machine.
   */
  readonly allowedHosts?: readonly string[];
  /** How WebSockets are set up. */
  readonly webSocket?: WebSocketSettings;
  /**
   * Proxies whose `X-Forwarded-For` says where a call comes from: addresses and networks,
   * such as "192.0.2.1" and "10.0.0.0/8", and "unix" for those that connect to the Unix socket of
   * `listen`. Default: none, the connection's address counts.
   */
  readonly trustedProxies?: readonly string[];
  /** What clients may use and how much of it. Default, each: `defaultLimits`. */
  readonly limits?: Partial<Limits>;
  /** False: there is no gRPC server reflection. Default: true, for anyone, without a token. */
  readonly reflection?: boolean;
  /** False: `/` is 404. Default: true, a page to read and post with is at `/`. */
  readonly page?: boolean;
}
