import type { Limits } from "../limits/limits.js";
import type { IsTrustedProxy } from "../net/peer-address.js";
import type { RequestListener, StreamListener, UpgradeListener } from "./node-listeners.js";

/** What a server on a port needs from the program that it serves. */
export interface Servable {
  /**
   * Answers every HTTP request: the methods by Connect, gRPC and gRPC-Web, goa's POST /login, the
   * page at /, the probes /livez and /readyz, /metrics, the keys of /.well-known/jwks.json, and 404
   * for the rest. For the "request" event of a server of `node:http`, which is enough for
   * everything but gRPC and bidirectional streams, or of `node:http2`.
   */
  readonly requestListener: RequestListener;
  /** The same for the "stream" event of a server of `node:http2`, and faster there. */
  readonly streamListener: StreamListener;
  /**
   * Opens WebSockets: goa's at /listener and so on, the tunnel at the path of each method.
   * For the "upgrade" event of a server of `node:http`, or of `node:http2` with
   * `allowHTTP1`. It answers every upgrade request.
   */
  readonly upgradeListener: UpgradeListener;
  /** The limits in force: those of calls are enforced here, those of connections by the server. */
  readonly limits: Limits;
  /** Whether connections from an address are a proxy's, on behalf of many clients. */
  readonly isTrustedProxy: IsTrustedProxy;
  /**
   * Stops: not ready from now on; streams end with `unavailable` ("the server is stopping"),
   * posting ones when what they have read is stored and answered; WebSockets are closed with 1001.
   * Resolves when no call is in progress and no WebSocket is open; there is no time limit.
   *
   * When there are many streams (more than 50), they end spread over time, 500 a second or
   * more, so that their clients do not all come back in the same instant.
   *
   * @param spreadMs within how many milliseconds they are asked to end; 0: all at once.
   *   Default: 5,000.
   */
  stop(spreadMs?: number): Promise<void>;
}
