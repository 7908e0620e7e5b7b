import {
  type Compression,
  compressedFlag,
  compressionNegotiate,
  encodeEnvelope,
  encodeEnvelopes,
  type UniversalHandlerOptions,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { LazyHeaders, nodeFields } from "../../util/lazy-headers.js";
import { WholeBody } from "../../util/whole-body.js";
import type { Form } from "./request-form.js";

type CompressionOptions = Pick<UniversalHandlerOptions, "acceptCompression" | "compressMinBytes">;

/** A response without its message. */
export interface ResponseMetadata {
  readonly header: Headers;
  readonly trailer: Headers;
}

/** The response's metadata before the method adds its own. */
export function responseMetadata(
  form: Form,
  requestHeader: Headers,
  options: CompressionOptions,
): ResponseMetadata {
  const header = new LazyHeaders({ "content-type": form.contentType });
  if (form.protocolName === "connect") {
    return { header, trailer: new LazyHeaders() };
  }
  const compression = acceptedCompression(form, requestHeader, options);
  if (compression) {
    header.set(form.encodingHeader, compression.name);
  }
  return { header, trailer: new LazyHeaders({ "grpc-status": "0" }) };
}

/** The response with this message, compressed if it is long and the client accepts compression. */
export async function unaryResponse(
  form: Form,
  message: Uint8Array,
  { header, trailer }: ResponseMetadata,
  requestHeader: Headers,
  options: CompressionOptions,
): Promise<UniversalServerResponse> {
  const compression =
    message.length >= options.compressMinBytes
      ? acceptedCompression(form, requestHeader, options)
      : undefined;
  const data = compression ? await compression.compress(message) : message;
  const flags = compression ? compressedFlag : 0;
  switch (form.protocolName) {
    case "connect": {
      for (const [name, values] of Object.entries(nodeFields(trailer))) {
        for (const value of [values ?? []].flat()) {
          header.append(`trailer-${name}`, value);
        }
      }
      if (compression) {
        header.set(form.encodingHeader, compression.name);
      }
      header.set("content-length", String(data.length));
      return { status: 200, header, body: new WholeBody(data) };
    }
    case "grpc":
      return { status: 200, header, body: new WholeBody(encodeEnvelope(flags, data)), trailer };
    case "grpc-web": {
      const end = { flags: trailerFlag, data: trailerSerialize(trailer) };
      return { status: 200, header, body: new WholeBody(encodeEnvelopes({ flags, data }, end)) };
    }
  }
}

/** The compression that Connect would use. */
function acceptedCompression(
  { acceptEncodingHeader: name }: Form,
  requestHeader: Headers,
  { acceptCompression }: CompressionOptions,
): Compression | null {
  return compressionNegotiate(acceptCompression, null, requestHeader.get(name), name).response;
}
