import { base64Decode } from "@bufbuild/protobuf/wire";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";

/** How a protocol encodes a unary call. */
export interface Form {
  readonly protocolName: "connect" | "grpc" | "grpc-web";
  readonly isBinary: boolean;
  /** Of the response. */
  readonly contentType: string;
  /** The header that names a compression, and the one that names the accepted ones. */
  readonly encodingHeader: string;
  readonly acceptEncodingHeader: string;
}

/** The parsed headers of a unary call. */
export interface UnaryHead {
  readonly form: Form;
  /** In milliseconds; undefined: there is no deadline. */
  readonly timeoutMs: number | undefined;
  /** The message of a call by GET. */
  readonly query: Uint8Array | undefined;
}

const connectProto = form("connect", "proto");
const connectJson = form("connect", "json");

/** By the content type of the request. Others, such as those in capital letters, are rare. */
const forms = new Map<string, Form>([
  ["application/proto", connectProto],
  ["application/json", connectJson],
  ["application/json; charset=utf-8", connectJson],
  ["application/json;charset=utf-8", connectJson],
  ...(["grpc", "grpc-web"] as const).flatMap((protocolName): [string, Form][] => [
    [`application/${protocolName}`, form(protocolName, "proto")],
    [`application/${protocolName}+proto`, form(protocolName, "proto")],
    [`application/${protocolName}+json`, form(protocolName, "json")],
  ]),
]);

function form(protocolName: Form["protocolName"], codec: "proto" | "json"): Form {
  const isConnect = protocolName === "connect";
  return {
    protocolName,
    isBinary: codec === "proto",
    contentType: `application/${isConnect ? "" : `${protocolName}+`}${codec}`,
    encodingHeader: isConnect ? "content-encoding" : "grpc-encoding",
    acceptEncodingHeader: isConnect ? "accept-encoding" : "grpc-accept-encoding",
  };
}

/**
 * Parses the headers of a unary call whose message is not compressed, and the query of a GET.
 * Returns undefined for all other calls, and for invalid ones: Connect answers these.
 *
 * @param maxTimeoutMs the longest deadline that clients may set
 */
export function parseUnaryHead(
  { method, header, url }: Pick<UniversalServerRequest, "method" | "header" | "url">,
  maxTimeoutMs: number,
): UnaryHead | undefined {
  const contentType = header.get("content-type");
  if (method === "GET") {
    const get = contentType === null ? parseQuery(new URL(url).searchParams) : undefined;
    return get && withTimeout(get.form, header, maxTimeoutMs, get.query);
  }
  const form = contentType === null ? undefined : forms.get(contentType);
  const compression = form && header.get(form.encodingHeader);
  return form && (compression === null || compression === "identity")
    ? withTimeout(form, header, maxTimeoutMs)
    : undefined;
}

function withTimeout(
  form: Form,
  header: Headers,
  maxTimeoutMs: number,
  query?: Uint8Array,
): UnaryHead | undefined {
  const { error, timeoutMs } =
    form.protocolName === "connect"
      ? parseConnectTimeout(header.get("connect-timeout-ms"), maxTimeoutMs)
      : parseGrpcTimeout(header.get("grpc-timeout"), maxTimeoutMs);
  return error ? undefined : { form, timeoutMs, query };
}

/** Parses the query of a GET; undefined if its message is compressed. */
function parseQuery(query: URLSearchParams): { form: Form; query: Uint8Array } | undefined {
  const form = { proto: connectProto, json: connectJson }[query.get("encoding") ?? ""];
  const message = query.get("message") ?? "";
  if (!form || (query.get("compression") ?? "identity") !== "identity") {
    return undefined;
  }
  try {
    const isBase64 = query.get("base64") === "1";
    return { form, query: isBase64 ? base64Decode(message) : Buffer.from(message) };
  } catch {
    return undefined; // It is not valid base64.
  }
}
