/* The package's entry for Node. */
import {
  type ChatterClient,
  type ChatterClientOptions,
  createClientWith,
} from "./chatter-client.js";
import { createNodeTransport } from "./transport/node.js";

// What errors are, and what their codes mean: who catches one need not install Connect.
export { Code, ConnectError } from "@connectrpc/connect";
export { finalCodes } from "./final-error.js";
export type * from "./public-types.js";
export { createWebSocketClient } from "./tunnel/client.js";
export { createWebSocketTransport } from "./tunnel/transport.js";

/**
 * Makes a client of Chatter. It connects when it is used, and does not keep the process
 * from ending once nothing is open.
 *
 * Throws a TypeError for a URL, an auth or a transport that cannot be used.
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
export function createChatterClient(options: ChatterClientOptions): ChatterClient {
  return createClientWith(createNodeTransport, options);
}
