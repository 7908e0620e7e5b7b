import { AsyncLocalStorage } from "node:async_hooks";
import type { ClientHttp2Stream } from "node:http2";
import type { Interceptor } from "@connectrpc/connect";
import { Http2SessionManager } from "@connectrpc/connect-node";
import { onAbort } from "../../async/abort.js";
import { connectionClosed } from "../errors.js";
import { isSilence } from "../silence.js";

const signalOfCall = new AsyncLocalStorage<AbortSignal>();

/** Tells {@link NodeSessions} which signal ends a call: every transport on it needs this. */
export const tellSignal: Interceptor = (next) => (request) =>
  signalOfCall.run(request.signal, () => next(request));

/** What Connect's transports need. */
type SessionManager = Pick<
  Http2SessionManager,
  "authority" | "request" | "notifyResponseByteRead" | "abort"
>;

/** A connection, or what will become one. */
interface Connection {
  readonly manager: Http2SessionManager;
  /** How many calls are on it. */
  calls: number;
}

/**
 * The HTTP/2 connections of a client: one, by Connect's manager, until a call on it ends because
 * the server is silent. Then later calls get another one. The other calls stay on theirs: it may be
 * alive, if only one of the servers behind a proxy hangs; if it is dead, its pings notice that.
 */
export class NodeSessions implements SessionManager {
  readonly authority: string;
  readonly #open: () => Connection;
  #current: Connection;
  readonly #retired = new Set<Connection>();

  constructor(...options: ConstructorParameters<typeof Http2SessionManager>) {
    this.#open = () => ({ manager: new Http2SessionManager(...options), calls: 0 });
    this.#current = this.#open();
    this.authority = this.#current.manager.authority;
  }

  async request(...args: Parameters<SessionManager["request"]>): Promise<ClientHttp2Stream> {
    const signal = signalOfCall.getStore();
    const connection = this.#current;
    connection.calls++;
    let stream: ClientHttp2Stream | undefined;
    const onAborted = () => {
      // A response may have ended before its reader left. Its stream is closed then, so that
      // Connect does not touch it; but Node keeps a stream with unread data for good, and with it
      // the process.
      if (stream?.closed) {
        stream.destroy();
      }
      if (isSilence(signal?.reason)) {
        this.#retire(connection);
      }
    };
    const unsubscribe = onAbort(signal, onAborted);
    const onEnd = () => {
      unsubscribe();
      connection.calls--;
      this.#closeUnused(connection);
    };
    try {
      stream = await connection.manager.request(...args);
    } catch (error) {
      onEnd();
      throw error;
    }
    // The manager's own listener is removed when the connection is dropped; a later error would be
    // an uncaught exception. The calls have reported theirs.
    if (stream.session?.listenerCount("error", ignore) === 0) {
      stream.session.on("error", ignore);
    }
    hastenHead(stream);
    stream.once("close", onEnd);
    if (signal?.aborted) {
      onAborted(); // Before there was a stream.
    }
    return stream;
  }

  notifyResponseByteRead(stream: ClientHttp2Stream): void {
    // Each knows its own streams.
    this.#current.manager.notifyResponseByteRead(stream);
    for (const { manager } of this.#retired) {
      manager.notifyResponseByteRead(stream);
    }
  }

  /** Closes all connections; later calls make new ones. */
  abort(reason: Error): void {
    for (const { manager } of [this.#current, ...this.#retired]) {
      manager.abort(reason);
    }
  }

  /** Makes later calls use another connection. */
  #retire(connection: Connection): void {
    if (connection === this.#current) {
      this.#current = this.#open();
      this.#retired.add(connection);
      if (connection.manager.state() === "connecting") {
        connection.manager.abort(connectionClosed());
      }
      this.#closeUnused(connection);
    }
  }

  #closeUnused(connection: Connection): void {
    if (connection.calls === 0 && this.#retired.delete(connection)) {
      connection.manager.abort(connectionClosed());
    }
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
