import { ambiguousFraming } from "./errors.js";
import type { PlainResponse } from "./plain-response.js";

/** What is known of a request before its body. */
interface RequestFraming {
  readonly httpVersionMajor: number;
  readonly httpVersionMinor: number;
  readonly headers: { readonly "transfer-encoding"?: string | undefined };
}

/**
 * The answer to a request whose end is not certain; undefined if it is. HTTP/1.0 has no
 * `Transfer-Encoding`, which Node obeys there all the same: a proxy before the server may see the
 * request end elsewhere, and take what follows for another one (RFC 9112, 6.1). So nothing more is
 * read of the connection.
 */
export function refusedFraming(request: RequestFraming): PlainResponse | undefined {
  const { httpVersionMajor, httpVersionMinor, headers } = request;
  return httpVersionMajor === 1 &&
    httpVersionMinor === 0 &&
    headers["transfer-encoding"] !== undefined
    ? ambiguousFraming({ headers: { connection: "close" } })
    : undefined;
}
