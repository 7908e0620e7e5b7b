import { AsyncLocalStorage } from "node:async_hooks";
import type { ClientHttp2Stream } from "node:http2";
import type { Interceptor } from "@connectrpc/connect";
import { Http2SessionManager } from "@connectrpc/connect-node";
import { onAbort } from "../../async/abort.js";

const signalOfCall = new AsyncLocalStorage<AbortSignal>();

/** Tells {@link NodeSessions} which signal ends a call: every transport on it needs this. */
export const tellSignal: Interceptor = (next) => (request) =>
  signalOfCall.run(request.signal, () => next(request));

/**
 * Connect's manager of HTTP/2 connections, which releases every stream that is aborted.
 *
 * A response may have ended before its reader left. Its stream is closed then, so that Connect does
 * not touch it; but Node keeps a stream with unread data for good, and with it the process.
 */
export class NodeSessions extends Http2SessionManager {
  override async request(
    ...args: Parameters<Http2SessionManager["request"]>
  ): Promise<ClientHttp2Stream> {
    const signal = signalOfCall.getStore();
    const stream = await super.request(...args);
    // The manager's own listener is removed when the connection is dropped; a later error would be
    // an uncaught exception. The calls have reported theirs.
    if (stream.session?.listenerCount("error", ignore) === 0) {
      stream.session.on("error", ignore);
    }
    hastenHead(stream);
    const letGo = () => {
      if (stream.closed) {
        stream.destroy();
      }
    };
    stream.once("close", onAbort(signal, letGo));
    return stream;
  }
}

/** When to ping for a response that has not begun, in milliseconds, each after the one before. */
const hasteningMs = [250, 750, 3_000];

/**
 * Over TLS, nginx holds the headers of a response back until it has more to send on the connection,
 * which can take long on a quiet subscription. The answer to a ping is more to send.
 */
function hastenHead(stream: ClientHttp2Stream): void {
  let timer: NodeJS.Timeout | undefined;
  const arm = (count: number) => {
    timer = setTimeout(() => {
      if (stream.session?.destroyed === false) {
        stream.session.ping(ignore);
      }
      if (count + 1 < hasteningMs.length) {
        arm(count + 1);
      }
    }, hasteningMs[count]);
  };
  arm(0);
  const stop = () => clearTimeout(timer);
  stream.once("response", stop).once("close", stop);
}

function ignore(): void {}
