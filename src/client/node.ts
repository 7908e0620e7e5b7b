/* The package's entry for Node. */
import {
  type ChatterClient,
  type ChatterClientOptions,
  createClientWith,
} from "./chatter-client.js";
import type { ClientTls } from "./transport/client-tls.js";
import { createNodeTransport } from "./transport/node.js";

// Errors, and the meaning of their codes: a program that catches them need not install Connect.
export { Code, ConnectError } from "@connectrpc/connect";
export { finalCodes } from "./final-error.js";
export type * from "./public-types.js";
export type { ClientTls } from "./transport/client-tls.js";
export { createWebSocketClient } from "./tunnel/client.js";
export { createWebSocketTransport } from "./tunnel/transport.js";

/** The options of a client in Node. */
export type NodeClientOptions = ChatterClientOptions & {
  /**
   * The client's certificate, and whom it trusts; for an `https:` URL. Default: no certificate, and
   * whom Node trusts.
   */
  readonly tls?: ClientTls | undefined;
};

/**
 * Makes a client of Chatter. It connects when it is used, and does not keep the process alive once
 * nothing is open.
 *
 * Throws a TypeError for a URL, an auth, a transport or a certificate that cannot be used.
 *
 * @example
 * ```ts
 * const chatter = createChatterClient({
 *   url: "http://localhost:8080",
 *   auth: { user: "goa", password: "rocks" },
 *   transport: "grpc",
 * });
 * const publisher = chatter.publisher();
 * const { sequence } = await publisher.post("hello");
 * console.log(sequence);
 * await publisher.close();
 * chatter.close();
 * ```
 */
export function createChatterClient({ tls, ...options }: NodeClientOptions): ChatterClient {
  return createClientWith((name, url) => createNodeTransport(name, url, tls), options);
}
