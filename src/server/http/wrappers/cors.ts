import { cors } from "@connectrpc/connect";
import type { UniversalHandlerFn } from "@connectrpc/connect/protocol";
import { chatterHeader, cursorHeader } from "../../../protocol/headers.js";
import { pathOf } from "../../net/request-target.js";
import { foreignOrigin } from "../errors.js";
import type { PlainResponse } from "../plain-response.js";
import type { Route, RoutedHandler } from "../router.js";

/** How long browsers may keep the answer to a preflight, in seconds: Chromium's limit. */
const maxAgeSeconds = 7200;

const allowedHeaders = [
  ...cors.allowedHeaders,
  "Authorization",
  "X-Request-Id",
  "Traceparent",
  "Tracestate",
].join(", ");

const exposedHeaders = [
  ...cors.exposedHeaders,
  cursorHeader,
  chatterHeader,
  "Retry-After",
  "X-Request-Id",
].join(", ");

/** Which origins may call, and what. */
export interface CorsOptions {
  /** Origins as browsers write them; if there are none, the route answers as it does without. */
  readonly origins: ReadonlySet<string>;
  /** The handlers that pages of these origins may call, and no others of the route. */
  readonly handlers: readonly RoutedHandler[];
  /** Called with the origin of each refused request. */
  readonly onRefused: (origin: string) => void;
}

/**
 * Adds headers to responses so that browsers let pages of these origins read them (the Fetch
 * standard's CORS protocol), and answers preflight requests. Responses to other origins have no
 * such headers: browsers keep them from the page.
 *
 * Cookies are never requested: a call's only credential is its token.
 */
export function withCors(route: Route, { origins, handlers, onRefused }: CorsOptions): Route {
  const methodsAt = new Map(
    handlers.map((handler) => [handler.requestPath, handler.allowedMethods]),
  );
  return (method, url, headers) => {
    const found = route(method, url, headers);
    const methods = methodsAt.get(pathOf(url));
    if (methods === undefined) {
      return found;
    }
    const { origin } = headers;
    const isAllowed = origin !== undefined && origins.has(origin);
    if (method === "OPTIONS" && headers["access-control-request-method"] !== undefined) {
      if (isAllowed) {
        return preflightAnswer(origin, methods);
      }
      onRefused(origin ?? "");
      return origins.size > 0 ? refusal : found;
    }
    if (origins.size === 0) {
      return found;
    }
    // Without an origin, too, because the answer depends on it: caches must know.
    return withHeaders(found, {
      vary: "Origin",
      ...(isAllowed && {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": exposedHeaders,
      }),
    });
  };
}

function preflightAnswer(origin: string, methods: readonly string[]): PlainResponse {
  return {
    status: 204,
    body: "",
    headers: {
      vary: "Origin",
      "access-control-allow-origin": origin,
      "access-control-allow-methods": methods.join(", "),
      "access-control-allow-headers": allowedHeaders,
      "access-control-max-age": String(maxAgeSeconds),
    },
  };
}

const refusal = foreignOrigin({ headers: { vary: "Origin" } });

function withHeaders(
  found: UniversalHandlerFn | PlainResponse,
  more: Readonly<Record<string, string>>,
): UniversalHandlerFn | PlainResponse {
  if (typeof found !== "function") {
    return { ...found, headers: { ...found.headers, ...more } };
  }
  return async (request) => {
    const response = await found(request);
    const header = new Headers(response.header);
    for (const [name, value] of Object.entries(more)) {
      header.append(name, value);
    }
    return { ...response, header };
  };
}
