import type { UniversalHandler } from "@connectrpc/connect/protocol";
import type { Upgrade, WebSocketRoute } from "../route.js";
import { type GoaOptions, serveGoa } from "./goa-call.js";
import { goaMethods, loginRoute } from "./methods.js";

/** Where WebSockets of goa's dialect are opened. */
export const goaPaths: readonly string[] = goaMethods.map(({ path }) => path);

/** The routes of goa's dialect, in front of the handlers of Chatter's methods. */
export function createGoaRoutes(
  handlers: readonly UniversalHandler[],
  options: GoaOptions,
): readonly WebSocketRoute[] {
  const handlerOf = new Map(handlers.map((handler) => [handler.method, handler]));
  const streams = goaMethods.map((method) => ({
    path: method.path,
    method: method.verb,
    configure: method.configure,
    socket: { maxPayload: options.maxPayload },
    handle: (upgrade: Upgrade) => serveGoa(method, handlerOf.get(method.method)!, upgrade, options),
  }));
  return [{ path: loginRoute.path, method: loginRoute.verb }, ...streams];
}
