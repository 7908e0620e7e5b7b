import { mapResults } from "../../../async/map-results.js";
import { notBase64 } from "../errors.js";

/*
 * gRPC-Web's text form: the body in base64, of which any part may end with padding. The official
 * client uses it to read streams, because XMLHttpRequest delivers only text while it arrives.
 */

/** How content types of the text form begin. */
export const grpcWebText = "application/grpc-web-text";

const base64 = /^[A-Za-z0-9+/=]*$/;
/** The last four characters of a part that ends with padding. */
const padded = /^[A-Za-z0-9+/]{2}[A-Za-z0-9+/=]=$/;

/** Decodes a request body. Throws `invalid_argument` if it is not valid base64. */
export async function* decodeBase64(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest = "";
  for await (const chunk of body) {
    const text = rest + Buffer.prototype.latin1Slice.call(chunk, 0, chunk.length);
    if (!base64.test(text)) {
      throw notBase64();
    }
    const end = text.length - (text.length % 4);
    rest = text.slice(end);
    if (end > 0) {
      yield decodeParts(text.slice(0, end));
    }
  }
  if (rest !== "") {
    throw notBase64();
  }
}

/** Decodes parts that each may end with padding: four characters stand for up to three bytes. */
function decodeParts(text: string): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < text.length; ) {
    const padding = text.indexOf("=", at);
    const end = padding < 0 ? text.length : padding - (padding % 4) + 4;
    if (padding >= 0 && !padded.test(text.slice(end - 4, end))) {
      throw notBase64();
    }
    parts.push(Buffer.from(text.slice(at, end), "base64"));
    at = end;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** The response body in base64, each chunk with its own padding, so that it can be read at once. */
export function encodeBase64(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return mapResults(body, encodeChunk);
}

function encodeChunk(chunk: IteratorResult<Uint8Array>): IteratorResult<Uint8Array> {
  if (chunk.done) {
    return chunk;
  }
  const { buffer, byteOffset, length } = chunk.value;
  const text = Buffer.from(buffer, byteOffset, length).toString("base64");
  return { done: false, value: Buffer.from(text, "latin1") };
}
