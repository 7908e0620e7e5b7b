import type { IncomingHttpHeaders } from "node:http2";

/** Node's headers as Connect takes them, without HTTP/2's pseudo headers. */
export function webHeaders(headers: IncomingHttpHeaders): Headers {
  const web = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(":")) {
      continue;
    }
    for (const item of Array.isArray(value) ? value : [value]) {
      web.append(name, item);
    }
  }
  return web;
}

/** The same for the way back. */
export function nodeHeaders(headers: Headers): Record<string, string | string[]> {
  const node: Record<string, string | string[]> = {};
  for (const [name, value] of headers) {
    node[name] = name === "set-cookie" ? headers.getSetCookie() : value;
  }
  return node;
}

/**
 * The same for trailers. gRPC escapes no more of its text than "%" and what is not
 * printable ASCII; connect-es escapes ":" and "," too, which grpc-js for one shows as "%3A".
 */
export function nodeTrailers(trailers: Headers): Record<string, string | string[]> {
  const node = nodeHeaders(trailers);
  const text = trailers.get("grpc-message");
  if (text !== null) {
    node["grpc-message"] = decodeURIComponent(text).replace(/[^ -$&-~]+/g, encodeURIComponent);
  }
  return node;
}
