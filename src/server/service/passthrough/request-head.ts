import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";

/** The parsed headers of a call of one of the binary wires. */
export interface RequestHead {
  readonly protocolName: "connect" | "grpc" | "grpc-web";
  /** The content type of the response. */
  readonly contentType: string;
  /** The header that names a compression, and the one that names the accepted ones. */
  readonly encodingHeader: string;
  readonly acceptEncodingHeader: string;
  /** In milliseconds; undefined: there is no deadline. */
  readonly timeoutMs: number | undefined;
}

const binary = /^application\/(?:(grpc|grpc-web)(?:\+proto)?|(connect)\+proto)$/i;

/**
 * Parses the headers of a call whose messages are protobuf and not compressed. Returns undefined
 * for all other calls, and for invalid ones: Connect answers these.
 *
 * @param maxTimeoutMs the longest deadline that clients may set
 */
export function parseRequestHead(
  { method, header }: Pick<UniversalServerRequest, "method" | "header">,
  maxTimeoutMs: number,
): RequestHead | undefined {
  const match = binary.exec(header.get("content-type") ?? "");
  if (!match || method !== "POST") {
    return undefined;
  }
  const protocolName = (match[1] ?? match[2]!).toLowerCase() as RequestHead["protocolName"];
  const isConnect = protocolName === "connect";
  const encodingHeader = isConnect ? "connect-content-encoding" : "grpc-encoding";
  const acceptEncodingHeader = isConnect ? "connect-accept-encoding" : "grpc-accept-encoding";
  const compression = header.get(encodingHeader);
  const timeout = isConnect
    ? parseConnectTimeout(header.get("connect-timeout-ms"), maxTimeoutMs)
    : parseGrpcTimeout(header.get("grpc-timeout"), maxTimeoutMs);
  if (timeout.error || (compression !== null && compression !== "identity")) {
    return undefined;
  }
  return {
    protocolName,
    contentType: `application/${protocolName}+proto`,
    encodingHeader,
    acceptEncodingHeader,
    timeoutMs: timeout.timeoutMs,
  };
}
