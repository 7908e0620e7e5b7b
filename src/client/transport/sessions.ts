import { AsyncLocalStorage } from "node:async_hooks";
import type { ClientHttp2Stream } from "node:http2";
import type { Interceptor } from "@connectrpc/connect";
import { Http2SessionManager } from "@connectrpc/connect-node";
import { onAbort } from "../../async/abort.js";

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
    // after that would be an uncaught exception. The calls have reported theirs.
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

/** When a response that has not begun is hastened, in milliseconds, each after the one before. */
const hasteningMs = [250, 750, 3_000];

/**
 * nginx keeps the head of a response to itself, over TLS, until it has more to send on the
 * connection, and of a quiet subscription that may be long in coming. The answer to a ping is.
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
