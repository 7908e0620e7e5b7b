import type { IncomingHttpHeaders } from "node:http";
import type { UniversalHandlerFn } from "@connectrpc/connect/protocol";
import type { PublicKey } from "../auth/signing-key.js";
import { keySetAnswer, keySetPath } from "./key-set.js";
import { type PlainAnswer, plainAnswer } from "./plain-answer.js";
import { probeAnswer } from "./probes.js";

/** What answers at one path: a method's handler, or a file of the page. */
export interface RoutedHandler extends UniversalHandlerFn {
  readonly requestPath: string;
  readonly allowedMethods: readonly string[];
}

export interface RouterOptions {
  readonly handlers: readonly RoutedHandler[];
  /** Where WebSockets are opened: other requests are told so. */
  readonly webSocketPaths: readonly string[];
  readonly isReady: () => boolean;
  /** What tokens can be checked by. Undefined: nothing is said of that. */
  readonly publicKeys?: () => readonly PublicKey[];
}

/** What is at a path: a handler, or an answer: a probe's, the key set, 405, 404. */
export type Route = (
  method: string,
  url: string,
  headers: IncomingHttpHeaders,
) => UniversalHandlerFn | PlainAnswer;

/** Finds what a request asks for, whichever HTTP it came by. */
export function createRoute(options: RouterOptions): Route {
  const { handlers, webSocketPaths, isReady, publicKeys } = options;
  const byPath = new Map(handlers.map((handler) => [handler.requestPath, handler]));
  return (method, url) => {
    const path = url.split("?", 1)[0]!;
    const handler = byPath.get(path);
    if (handler) {
      return handler.allowedMethods.includes(method)
        ? handler
        : notAllowed(method, handler.allowedMethods);
    }
    if (webSocketPaths.includes(path)) {
      return method === "GET" ? upgradeRequired() : notAllowed(method, ["GET"]);
    }
    const answer =
      path === keySetPath && publicKeys ? keySetAnswer(publicKeys()) : probeAnswer(path, isReady);
    if (answer) {
      return method === "GET" || method === "HEAD" ? answer : notAllowed(method, ["GET", "HEAD"]);
    }
    return plainAnswer(404, `there is nothing at ${path}`);
  };
}

function upgradeRequired(): PlainAnswer {
  return plainAnswer(426, "this is a WebSocket: connect with ws:// or wss://, over HTTP/1.1", {
    upgrade: "websocket",
    connection: "upgrade",
  });
}

function notAllowed(method: string, allowed: readonly string[]): PlainAnswer {
  return plainAnswer(405, `${method} is not allowed here: use ${allowed.join(" or ")}`, {
    allow: allowed.join(", "),
  });
}
