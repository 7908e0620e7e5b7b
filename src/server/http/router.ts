import type { IncomingHttpHeaders } from "node:http";
import type { UniversalHandlerFn } from "@connectrpc/connect/protocol";
import type { PublicKey } from "../auth/keys/signing-key.js";
import { pathOf } from "../net/request-target.js";
import { methodNotAllowed, unknownPath, upgradeRequired } from "./errors.js";
import type { PlainResponse } from "./plain-response.js";
import { keySetAnswer, keySetPath, probeAnswer } from "./well-known.js";

/** What answers at a path: a method's handler, or a file of the page. */
export interface RoutedHandler extends UniversalHandlerFn {
  readonly requestPath: string;
  readonly allowedMethods: readonly string[];
}

export interface RouterOptions {
  readonly handlers: readonly RoutedHandler[];
  /** Where WebSockets are opened: other requests get 426. */
  readonly webSocketPaths: readonly string[];
  readonly isReady: () => boolean;
  /** The keys with which tokens can be checked. Undefined: they are not published. */
  readonly publicKeys?: () => readonly PublicKey[];
}

/** The result for a path: a handler, or an answer (of a probe, the key set, 405, 404). */
export type Route = (
  method: string,
  url: string,
  headers: IncomingHttpHeaders,
) => UniversalHandlerFn | PlainResponse;

/** Finds what a request asks for, whichever version of HTTP it came by. */
export function createRoute(options: RouterOptions): Route {
  const { handlers, webSocketPaths, isReady, publicKeys } = options;
  const byPath = new Map(handlers.map((handler) => [handler.requestPath, handler]));
  return (method, url) => {
    const path = pathOf(url);
    const handler = byPath.get(path);
    if (handler) {
      return handler.allowedMethods.includes(method)
        ? handler
        : notAllowed(method, handler.allowedMethods);
    }
    if (webSocketPaths.includes(path)) {
      return method === "GET"
        ? upgradeRequired({ headers: upgradeHeaders })
        : notAllowed(method, ["GET"]);
    }
    const answer =
      path === keySetPath && publicKeys ? keySetAnswer(publicKeys()) : probeAnswer(path, isReady);
    if (answer) {
      return method === "GET" || method === "HEAD" ? answer : notAllowed(method, ["GET", "HEAD"]);
    }
    return unknownPath({ path });
  };
}

const upgradeHeaders = { upgrade: "websocket", connection: "upgrade" };

function notAllowed(method: string, allowed: readonly string[]): PlainResponse {
  return methodNotAllowed({
    method,
    allowed: allowed.join(" or "),
    headers: { allow: allowed.join(", ") },
  });
}
