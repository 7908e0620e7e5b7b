import { createHash } from "node:crypto";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { loadPageFiles } from "./page-files.js";
import { plainAnswer } from "./plain-answer.js";
import type { RoutedHandler } from "./router.js";

/** What is at which path. Only these are ever looked for, so that no path leads elsewhere. */
const files = [
  { path: "/", name: "index.html", type: "text/html; charset=utf-8" },
  { path: "/page.js", name: "page.js", type: "text/javascript; charset=utf-8" },
  { path: "/page.css", name: "page.css", type: "text/css; charset=utf-8" },
  { path: "/icon.svg", name: "icon.svg", type: "image/svg+xml" },
] as const;

/**
 * Nothing but the page's own files and the server that they come from. 'self' is the
 * server's WebSockets too, in Safari from 16 on. Text that is to become markup or a script
 * is an error where browsers know trusted types.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const sharedHeaders = {
  "content-security-policy": contentSecurityPolicy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  // Asked for again each time, and sent again only when it has changed.
  "cache-control": "no-cache",
};

/**
 * The handlers of the page's files, to be routed beside those of the methods.
 *
 * @param onError is told why the page cannot be had; the browser gets a 500
 */
export function createPage(onError: (error: unknown) => void): readonly RoutedHandler[] {
  return files.map(({ path, name, type }) => {
    async function answer(request: UniversalServerRequest): Promise<UniversalServerResponse> {
      try {
        const contents = (await loadPageFiles()).get(name)!;
        return fileAnswer(request, contents, type);
      } catch (error) {
        onError(error);
        const { status, headers, body } = plainAnswer(500, "the page cannot be loaded");
        return respond(request, status, headers, Buffer.from(body));
      }
    }
    return Object.assign(answer, { requestPath: path, allowedMethods: ["GET", "HEAD"] });
  });
}

function fileAnswer(
  request: UniversalServerRequest,
  contents: Uint8Array,
  type: string,
): UniversalServerResponse {
  const etag = `"${createHash("sha256").update(contents).digest("base64url")}"`;
  const headers = { ...sharedHeaders, etag };
  const known = request.header.get("if-none-match")?.split(/\s*,\s*/) ?? [];
  if (known.some((tag) => tag.replace(/^W\//, "") === etag || tag === "*")) {
    return { status: 304, header: new Headers(headers) };
  }
  return respond(
    request,
    200,
    { ...headers, "content-type": type, "content-length": String(contents.length) },
    contents,
  );
}

function respond(
  request: UniversalServerRequest,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): UniversalServerResponse {
  const header = new Headers(headers);
  return request.method === "HEAD"
    ? { status, header }
    : { status, header, body: createAsyncIterable([body]) };
}
