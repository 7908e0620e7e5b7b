import type { IncomingMessage } from "node:http";
import type { ContextValues } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import type { Upgrade, WebSocketRoute } from "../route.js";
import { loginRoute, plainMethods } from "./methods.js";
import { servePlain } from "./plain-call.js";

/** Where WebSockets of the plain dialect are opened. */
export const plainPaths: readonly string[] = plainMethods.map(({ path }) => path);

export interface PlainOptions {
  /** Context values for the call of a request. */
  readonly contextValues: (request: IncomingMessage) => ContextValues;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
  /** Most bytes of a client's message. */
  readonly maxPayload: number;
}

/** The routes of the plain dialect, goa's, before the handlers of Chatter's methods. */
export function createPlainRoutes(
  handlers: readonly UniversalHandler[],
  options: PlainOptions,
): readonly WebSocketRoute[] {
  const handlerOf = new Map(handlers.map((handler) => [handler.method, handler]));
  const streams = plainMethods.map((plain) => ({
    path: plain.path,
    method: plain.verb,
    configure: plain.configure,
    socket: { maxPayload: options.maxPayload },
    handle: (upgrade: Upgrade) => servePlain(plain, handlerOf.get(plain.method)!, upgrade, options),
  }));
  return [{ path: loginRoute.path, method: loginRoute.verb }, ...streams];
}
