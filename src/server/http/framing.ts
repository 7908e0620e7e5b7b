import { ambiguousFraming } from "./errors.js";
import type { PlainResponse } from "./plain-response.js";

/** What is known about a request before its body. */
interface RequestFraming {
  readonly httpVersionMajor: number;
  readonly httpVersionMinor: number;
  readonly headers: { readonly "transfer-encoding"?: string | undefined };
}

/**
 * The answer to a request whose end is uncertain; undefined if it is certain. HTTP/1.0 has no
 * `Transfer-Encoding`, but Node obeys it there all the same: a proxy before the server may see the
 * end of the request elsewhere, and treat what follows as another one (RFC 9112, 6.1). So nothing
 * more is read from the connection.
 */
export function refusedFraming(request: RequestFraming): PlainResponse | undefined {
  const { httpVersionMajor, httpVersionMinor, headers } = request;
  return httpVersionMajor === 1 &&
    httpVersionMinor === 0 &&
    headers["transfer-encoding"] !== undefined
    ? ambiguousFraming({ headers: { connection: "close" } })
    : undefined;
}
