import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Limits } from "./limits.js";

type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** What HTTP/2 counts for each header besides its name and value (RFC 9113, 6.5.2). */
const overhead = 32;

/**
 * Keeps the limit of a request's headers over HTTP/2 where Node does not: it begins with the
 * client's acknowledgement of SETTINGS, and a client need not give one.
 */
export function withHeaderLimit(serve: Serve, { maxHeaderBytes }: Limits): Serve {
  return (stream, headers) => {
    if (stream.session?.pendingSettingsAck && bytesOf(headers) > maxHeaderBytes) {
      stream.on("error", () => {}); // That it is reset; nothing is lost.
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    } else {
      serve(stream, headers);
    }
  };
}

function bytesOf(headers: IncomingHttpHeaders): number {
  let bytes = 0;
  for (const [name, values] of Object.entries(headers)) {
    for (const value of [values].flat()) {
      bytes += name.length + String(value).length + overhead;
    }
  }
  return bytes;
}
