import { CallError } from "../../errors/call-error.js";
import { pingsUnanswered } from "./errors.js";
import type { ConfigureConnection } from "./route.js";

export interface PingPolicyOptions {
  /** Milliseconds between pings. Default: 25,000, under the idle limit of common proxies. */
  readonly intervalMs?: number;
  /** How many pings in a row may be unanswered before the peer is cut off. Default: 2. */
  readonly missed?: number;
}

/** The reason why a call ends whose peer was cut off because it answered no pings. */
export class SilentPeer extends CallError {
  constructor(missed: number) {
    const { rawMessage, code } = pingsUnanswered({ missed });
    super(rawMessage, code);
  }
}

/**
 * A hook that pings a connection and cuts off a peer that stops answering: its call is cancelled
 * with `unavailable`.
 *
 * ```ts
 * createWebSocketBridge({ handlers, configure: pingPolicy({ intervalMs: 10_000 }) });
 * ```
 */
export function pingPolicy(options: PingPolicyOptions = {}): ConfigureConnection {
  const { intervalMs = 25_000, missed = 2 } = options;
  return (socket, call) => {
    let unanswered = 0;
    let sent = true;
    const alive = () => {
      unanswered = 0;
    };
    const timer = setInterval(() => {
      // A ping that waits behind other output (the peer is slow) has not reached the peer yet.
      if (!sent) {
        return;
      }
      // While we do not read (our handler is slow) no answer can be seen. The ping is sent all the
      // same: it fails if the peer is gone, which would not be noticed otherwise.
      const counts = !socket.isPaused;
      if (counts && unanswered >= missed) {
        call.cancel(new SilentPeer(missed));
        socket.terminate();
        return;
      }
      sent = false;
      socket.ping("", false, () => {
        sent = true;
        unanswered += counts ? 1 : 0;
      });
    }, intervalMs);
    socket.on("pong", alive);
    socket.on("message", alive);
    socket.once("close", () => clearInterval(timer));
  };
}
