/*
 * The package's entry for browsers, and for all that is not Node. It imports nothing of
 * Node's.
 */
import { createBrowserTransport } from "./browser-transport.js";
import {
  type ChatterClient,
  type ChatterClientOptions,
  createClientWith,
} from "./chatter-client.js";

// What errors are, and what their codes mean: who catches one need not install Connect.
export { Code, ConnectError } from "@connectrpc/connect";
export { finalCodes } from "./final-error.js";
export type * from "./public-types.js";
export { createWebSocketClient } from "./websocket-client.js";
export { createWebSocketTransport } from "./websocket-transport.js";

/**
 * Makes a client of Chatter. It connects when it is used.
 *
 * ```ts
 * const chatter = createChatterClient({
 *   url: "https://chatter.example",
 *   auth: { user: "goa", password: "rocks" },
 * });
 * for await (const { sender, message } of chatter.subscribe()) {
 *   console.log(sender, message);
 * }
 * ```
 *
 * Throws a TypeError for a URL, an auth or a transport that cannot be used.
 */
export function createChatterClient(options: ChatterClientOptions): ChatterClient {
  return createClientWith(createBrowserTransport, options);
}
