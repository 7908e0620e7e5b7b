import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { requestWith } from "../../service/call/request.js";
import { decodeBase64, encodeBase64, grpcWebText } from "./grpc-web-text.js";

/** The content types of most clients, which need no change. */
const usual = new Set([
  "application/json",
  "application/proto",
  "application/connect+json",
  "application/connect+proto",
  "application/grpc",
  "application/grpc+proto",
  "application/grpc-web",
  "application/grpc-web+proto",
]);

/**
 * The same handler, which also accepts content types in every form that RFC 9110 allows (upper
 * case, spaces, quoted parameters), and gRPC-Web's text form, which has the same bytes in base64.
 */
export function withMediaTypes(handler: UniversalHandler): UniversalHandler {
  function normalized(request: UniversalServerRequest) {
    const given = request.header.get("content-type");
    if (given === null || usual.has(given)) {
      return handler(request);
    }
    const type = normalizeMediaType(given);
    if (type.startsWith(grpcWebText)) {
      return answerText(handler, request, type);
    }
    return handler(
      type === given ? request : requestWith(request, { header: withType(request, type) }),
    );
  }
  return Object.assign(normalized, handler);
}

async function answerText(
  handler: UniversalHandler,
  request: UniversalServerRequest,
  type: string,
) {
  const binaryType = type.replace("-text", "");
  const response = await handler(
    requestWith(request, {
      header: withType(request, binaryType),
      body: decodeBase64(request.body as AsyncIterable<Uint8Array>),
    }),
  );
  const header = new Headers(response.header);
  if (header.get("content-type")?.startsWith("application/grpc-web")) {
    header.set("content-type", type);
    return { ...response, header, body: response.body && encodeBase64(response.body) };
  }
  return response;
}

function withType({ header }: UniversalServerRequest, type: string): Headers {
  const changed = new Headers(header);
  changed.set("content-type", type);
  return changed;
}

/** A parameter, with the semicolon before it (RFC 9110, 5.6.6); it may be empty. */
const parameter = /[ \t]*;[ \t]*(?:([^\s;=",]+)=("(?:[^"\\]|\\.)*"|[^\s;",]*))?/y;

/**
 * A content type in lower case, without blanks and without parameters, except a charset that is not
 * UTF-8: the handler refuses that, as it refuses what has another form.
 */
function normalizeMediaType(given: string): string {
  const text = given.trim();
  const semicolon = text.indexOf(";");
  const end = semicolon < 0 ? text.length : semicolon;
  const type = text.slice(0, end).trim().toLowerCase();
  for (parameter.lastIndex = end; parameter.lastIndex < text.length; ) {
    const found = parameter.exec(text);
    if (!found) {
      return given;
    }
    const [, name, value = ""] = found;
    const charset = value.replace(/^"|"$/g, "").replace(/\\(.)/g, "$1").toLowerCase();
    if (name?.toLowerCase() === "charset" && charset !== "utf-8" && charset !== "utf8") {
      return `${type}; charset=${charset}`;
    }
  }
  return type;
}
