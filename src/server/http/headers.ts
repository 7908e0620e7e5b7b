import { type Fields, nodeFields } from "../util/lazy-headers.js";

/**
 * Trailers in Node's form. gRPC escapes only "%" and characters other than printable ASCII;
 * connect-es also escapes ":" and ",", which grpc-js, for example, shows as "%3A".
 */
export function nodeTrailers(trailers: Headers): Fields {
  const fields = nodeFields(trailers);
  const text = fields["grpc-message"];
  if (typeof text !== "string") {
    return fields;
  }
  const message = decodeURIComponent(text).replace(/[^ -$&-~]+/g, encodeURIComponent);
  return { ...fields, "grpc-message": message };
}
