import { AsyncLocalStorage } from "node:async_hooks";
import type { ClientHttp2Stream } from "node:http2";
import type { Interceptor } from "@connectrpc/connect";
import { Http2SessionManager } from "@connectrpc/connect-node";

const signalOfCall = new AsyncLocalStorage<AbortSignal>();

/** Tells {@link NodeSessions} which signal ends a call: every transport on one needs it. */
export const tellSignal: Interceptor = (next) => (request) =>
  signalOfCall.run(request.signal, () => next(request));

/**
 * Connect's manager of HTTP/2 connections, which lets go of every stream that is aborted.
 *
 * A response may have come to its end before its reader left. Its stream is closed then,
 * so that Connect does not touch it; but with unread data Node keeps it, for good, and with
 * it the process.
 */
export class NodeSessions extends Http2SessionManager {
  override async request(
    ...args: Parameters<Http2SessionManager["request"]>
  ): Promise<ClientHttp2Stream> {
    const signal = signalOfCall.getStore();
    const stream = await super.request(...args);
    // The manager's own listener goes when the connection is dropped; an error that comes
    // after that would be an uncaught exception. The calls have told theirs.
    if (stream.session?.listenerCount("error", ignore) === 0) {
      stream.session.on("error", ignore);
    }
    const letGo = () => {
      if (stream.closed) {
        stream.destroy();
      }
    };
    signal?.addEventListener("abort", letGo, { once: true });
    stream.once("close", () => signal?.removeEventListener("abort", letGo));
    return stream;
  }
}

function ignore(): void {}
