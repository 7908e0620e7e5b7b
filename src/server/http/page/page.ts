import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { pageMissing } from "../errors.js";
import type { RoutedHandler } from "../router.js";
import { acceptedEncoding } from "./page-encoding.js";
import { loadPageFiles, type PageFile } from "./page-files.js";

/** The files by path. No other files are ever read, so no path can escape. */
const files = [
  { path: "/", name: "index.html", type: "text/html; charset=utf-8" },
  { path: "/page.js", name: "page.js", type: "text/javascript; charset=utf-8" },
  { path: "/page.css", name: "page.css", type: "text/css; charset=utf-8" },
  { path: "/icon.svg", name: "icon.svg", type: "image/svg+xml" },
] as const;

/**
 * Nothing but the page's own files and their server. 'self' includes the server's WebSockets, in
 * Safari since version 16. Where browsers support trusted types, inserting text as markup or script
 * is an error.
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
  vary: "accept-encoding",
};

/** Revalidated each time, and sent again only after a change. */
const revalidated = "no-cache";
/** The contents of an address with a version never change. */
const kept = "public, max-age=31536000, immutable";

/**
 * The handlers of the page's files, to be routed besides those of the methods.
 *
 * @param onError called with the reason why the page cannot be loaded; the browser gets a 500
 */
export function createPage(onError: (error: unknown) => void): readonly RoutedHandler[] {
  return files.map(({ path, name, type }) => {
    async function answer(request: UniversalServerRequest): Promise<UniversalServerResponse> {
      try {
        const loaded = await loadPageFiles();
        const file = loaded.get(name)!;
        const encoding = acceptedEncoding(request.header.get("accept-encoding"));
        const isVersioned = new URL(request.url).search === `?${file.version}`;
        return fileAnswer(
          request,
          encoding ? loaded.get(name + encoding.suffix)! : file,
          { "content-type": type, ...(encoding && { "content-encoding": encoding.name }) },
          isVersioned ? kept : revalidated,
        );
      } catch (error) {
        onError(error);
        const { status, headers, body } = pageMissing();
        return respond(request, status, headers, Buffer.from(body));
      }
    }
    return Object.assign(answer, { requestPath: path, allowedMethods: ["GET", "HEAD"] });
  });
}

function fileAnswer(
  request: UniversalServerRequest,
  { contents, version }: PageFile,
  form: Readonly<Record<string, string>>,
  cacheControl: string,
): UniversalServerResponse {
  const etag = `"${version}"`;
  const headers = { ...sharedHeaders, etag, "cache-control": cacheControl };
  if (isKnown(request.header.get("if-none-match") ?? "", etag)) {
    return { status: 304, header: new Headers(headers) };
  }
  return respond(
    request,
    200,
    { ...headers, ...form, "content-length": String(contents.length) },
    contents,
  );
}

/** Whether a value of If-None-Match names the tag; weak ones count too (RFC 9110, 13.1.2). */
function isKnown(ifNoneMatch: string, etag: string): boolean {
  return ifNoneMatch
    .split(",")
    .map((tag) => tag.trim())
    .some((tag) => tag === "*" || tag === etag || tag === `W/${etag}`);
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
