/*
 * The package's entry for browsers, and for every other platform but Node. It imports no Node
 * modules.
 */

import {
  type ChatterClient,
  type ChatterClientOptions,
  createClientWith,
} from "./chatter-client.js";
import { createBrowserTransport } from "./transport/browser.js";

// Errors, and the meaning of their codes: a program that catches them need not install Connect.
export { Code, ConnectError } from "@connectrpc/connect";
export { finalCodes } from "./final-error.js";
export type * from "./public-types.js";
export { createWebSocketClient } from "./tunnel/client.js";
export { createWebSocketTransport } from "./tunnel/transport.js";

/**
 * Makes a client of Chatter. It connects when it is used.
 *
 * Throws a TypeError for a URL, an auth or a transport that cannot be used.
 *
 * @example
 * ```ts
 * const chatter = createChatterClient({
 *   url: "https://chatter.example",
 *   auth: { user: "goa", password: "rocks" },
 * });
 * for await (const { sender, message } of chatter.subscribe()) {
 *   console.log(sender, message);
 * }
 * ```
 */
export function createChatterClient(options: ChatterClientOptions): ChatterClient {
  return createClientWith(createBrowserTransport, options);
}
