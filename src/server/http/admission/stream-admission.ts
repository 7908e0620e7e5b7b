import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { restSession } from "../http2/session-reading.js";
import { connectionAddress } from "../http2/stream.js";
import type { CallAdmission } from "./call-admission.js";

type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/**
 * Serves streams in their turns. Streams whose reset came in the same packet have ended by then,
 * and cost next to nothing; while streams of a session wait, no more is read from it.
 */
export function createStreamAdmission(admission: CallAdmission, serve: Serve): Serve {
  return (stream, headers) => {
    const { session } = stream;
    if (!session || stream.closed) {
      stream.on("error", ignore); // It has ended: it cannot be answered.
      return;
    }
    const hasBegun = admission.call({
      connection: session,
      remoteAddress: connectionAddress(stream),
      headers,
      begin() {
        if (stream.closed) {
          return false;
        }
        serve(stream, headers);
        return true;
      },
    });
    if (!hasBegun) {
      stream.on("error", ignore); // It may be reset while it waits.
      restSession(session as ServerHttp2Session);
    }
  };
}

function ignore(): void {}
