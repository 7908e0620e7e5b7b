import { cors } from "@connectrpc/connect";
import type { UniversalHandlerFn } from "@connectrpc/connect/protocol";
import { cursorHeader } from "../service/subscribe.js";
import { type PlainAnswer, plainAnswer } from "./plain-answer.js";
import type { Route, RoutedHandler } from "./router.js";

/** How long browsers may keep the answer to a preflight, in seconds: Chromium's limit. */
const maxAgeSeconds = 7200;

const allowedHeaders = [
  ...cors.allowedHeaders,
  "Authorization",
  "X-Request-Id",
  "Traceparent",
  "Tracestate",
].join(", ");

const exposedHeaders = [...cors.exposedHeaders, cursorHeader, "Retry-After", "X-Request-Id"].join(
  ", ",
);

/** Who may be answered across origins, and where. */
export interface CorsOptions {
  /** Origins as browsers write them; if there are none, the route is given back as it is. */
  readonly origins: ReadonlySet<string>;
  /** What pages of these may call. They have no business with all else that the route has. */
  readonly handlers: readonly RoutedHandler[];
}

/**
 * The same answers, which browsers let pages of these origins read (the Fetch standard's
 * CORS protocol), and an answer to what browsers ask before. Other origins are answered as
 * ever, without a word of CORS: whatever came, their browsers keep it from the page.
 *
 * Cookies are never asked for: a call's only credential is its token.
 */
export function withCors(route: Route, { origins, handlers }: CorsOptions): Route {
  if (origins.size === 0) {
    return route;
  }
  const methodsAt = new Map(
    handlers.map((handler) => [handler.requestPath, handler.allowedMethods]),
  );
  return (method, url, headers) => {
    const found = route(method, url, headers);
    const methods = methodsAt.get(url.split("?", 1)[0]!);
    if (methods === undefined) {
      return found;
    }
    const { origin } = headers;
    const isAllowed = origin !== undefined && origins.has(origin);
    if (method === "OPTIONS" && headers["access-control-request-method"] !== undefined) {
      return isAllowed ? preflightAnswer(origin, methods) : refusal;
    }
    // Also without an origin the answer would be another one with it: caches must know.
    return withHeaders(found, {
      vary: "Origin",
      ...(isAllowed && {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": exposedHeaders,
      }),
    });
  };
}

function preflightAnswer(origin: string, methods: readonly string[]): PlainAnswer {
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

const refusal = plainAnswer(403, "pages of this origin may not call this server", {
  vary: "Origin",
});

function withHeaders(
  found: UniversalHandlerFn | PlainAnswer,
  more: Readonly<Record<string, string>>,
): UniversalHandlerFn | PlainAnswer {
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
