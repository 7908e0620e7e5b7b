/** What the client needs of a WebSocket: the API that browsers and `ws` share. */
export interface WebSocketLike {
  binaryType: string;
  readonly protocol: string;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  /** Cuts the connection; `ws` has it, browsers do not. */
  terminate?(): void;
  // biome-ignore lint/suspicious/noExplicitAny: the events of browsers and of ws have no common type
  addEventListener(type: string, listener: (event: any) => void): void;
}

/** A constructor of WebSockets; the third argument is for those that take options. */
export type WebSocketConstructor = new (
  url: string,
  protocols: string[],
  // biome-ignore lint/suspicious/noExplicitAny: each implementation has options of its own
  options?: any,
) => WebSocketLike;
