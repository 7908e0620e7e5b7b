import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";

/** What the headers of a call of one of the binary wires say. */
export interface RequestHead {
  readonly protocolName: "connect" | "grpc" | "grpc-web";
  /** Of the answer. */
  readonly contentType: string;
  /** The header that names a compression, and the one that names those that are accepted. */
  readonly encodingHeader: string;
  readonly acceptEncodingHeader: string;
  /** In milliseconds; undefined: there is no deadline. */
  readonly timeoutMs: number | undefined;
}

const binary = /^application\/(?:(grpc|grpc-web)(?:\+proto)?|(connect)\+proto)$/i;

/**
 * Parses the headers of a call whose messages are protobuf and not compressed. Undefined for
 * every other one, and for those with a fault: these are for Connect to answer.
 *
 * @param maxTimeoutMs the longest deadline that may be asked for
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
