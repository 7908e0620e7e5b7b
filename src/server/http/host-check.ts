import type { IncomingHttpHeaders } from "node:http";
import { Code } from "@connectrpc/connect";
import { errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { visible } from "../../protocol/visible-text.js";
import type { HostCheck } from "../net/allowed-hosts.js";
import { authorityOf } from "../net/request-target.js";
import { misdirected } from "./errors.js";
import { type PlainResponse, plainResponse } from "./plain-response.js";

/** What the answer to a request depends on. */
interface RequestHead {
  /** As it came: a path, or a whole URL. */
  readonly target: string;
  /** Those of HTTP/2 include `:authority`. */
  readonly headers: IncomingHttpHeaders;
}

/** The answer to a request for a host that is not served here; undefined if it is. */
export type MisdirectedAnswer = (head: RequestHead) => PlainResponse | undefined;

/** In characters: the received host is quoted. */
const maxQuoted = 100;

/**
 * Refuses requests for hosts that the server does not answer for (421, RFC 9110, 15.5.20). A
 * browser sends the host in its address bar: nothing else distinguishes a page whose owner points
 * its name to this machine.
 *
 * Every place that may name the host must be valid: the target, `:authority` and `Host`.
 *
 * @param onRefused called for each that is refused
 */
export function createMisdirectedAnswer(
  isAllowed: HostCheck,
  onRefused: () => void,
): MisdirectedAnswer {
  return ({ target, headers }) => {
    const named = [authorityOf(target), headers[":authority"], headers.host];
    const at = named.findIndex((authority) => !isAllowed(authority as string | undefined));
    if (at === -1) {
      return undefined;
    }
    onRefused();
    return refusal(String(named[at]), headers["content-type"] ?? "");
  };
}

/**
 * In the form of the request's protocol: gRPC clients understand errors only with status 200,
 * Connect clients read them from JSON. Other clients get text.
 */
function refusal(host: string, contentType: string): PlainResponse {
  const quoted = JSON.stringify(host.length > maxQuoted ? `${host.slice(0, maxQuoted)}…` : host);
  const error = misdirected({ host: visible(quoted) });
  if (/^application\/grpc\b/i.test(contentType)) {
    const headers = {
      "content-type": contentType.split(";", 1)[0]!,
      "grpc-status": String(Code.Unavailable),
      "grpc-message": encodeURIComponent(error.rawMessage),
    };
    return { status: 200, headers, body: "" };
  }
  if (/^application\/(?:json|proto)\b/i.test(contentType)) {
    const body = Buffer.from(errorToJsonBytes(error, undefined)).toString();
    return {
      ...plainResponse(421, "", {
        "content-type": "application/json",
        "content-length": String(Buffer.byteLength(body)),
      }),
      body,
    };
  }
  return plainResponse(421, error.rawMessage);
}
