/*
 * The load client's view of a server, the same for gRPC and WebSocket. It is made to cost little:
 * frames are written and parsed by hand, and posts are encoded beforehand.
 */

export type Method = "listener" | "echoer" | "history" | "subscribe";

/** Gets each message of a response in place; the bytes are gone after the call. */
export type Receive = (bytes: Buffer, start: number, end: number) => void;

/** One stream. */
export interface Channel {
  /** Resolves when the response's headers have arrived. */
  readonly head: Promise<void>;
  /**
   * Resolves when the response is complete, including trailers; rejects if it is not. A WebSocket's
   * has the reason of its close, gRPC's is empty.
   */
  readonly whole: Promise<string>;
  /** Posts this many of the texts, continuing after the last one that was posted here. */
  post(count: number): void;
  /** Posts the next text to a room. Only for gRPC. */
  postTo?(room: string): void;
  /** Ends the request when everything is posted. */
  end(): void;
}

/** One connection to a server. A fault of it rejects its open channels' promises. */
export interface Connection {
  /**
   * @param rooms the rooms that a subscription selects; only for gRPC. Default: `main`
   * @param after the cursor after which a subscription begins; only for gRPC. Default: now
   */
  open(method: Method, receive: Receive, rooms?: readonly string[], after?: string): Channel;
  close(): void;
}

/** What it takes to reach a server. */
export interface Address {
  readonly port: number;
  /** For servers that ask for one. */
  readonly token?: string;
}

/** A promise and the means to settle it. Its rejection need not be handled. */
export function deferred<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (reason: unknown) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
