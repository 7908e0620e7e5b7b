import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";

/**
 * So many streams are begun in one turn of the event loop. One takes a third of a
 * millisecond, and a whole one at the start.
 */
const begunAtOnce = 16;

type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/**
 * One packet can hold the heads of hundreds of streams, and many packets come at once. The
 * first few streams are served at once, the others some a turn, one of each session after
 * the other, so that all others are read and answered in between; and those whose reset came
 * in the same packet are over by then, and cost next to nothing.
 */
export function createStreamStarts(serve: Serve): Serve {
  /** The streams that wait for one of the next turns. */
  const waiting = new Map<Http2Session, Map<ServerHttp2Stream, IncomingHttpHeaders>>();
  /** In this turn. */
  let begun = 0;

  function begin(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (begun++ === 0) {
      setImmediate(onTurn);
    }
    serve(stream, headers);
  }

  function onTurn(): void {
    begun = 0;
    for (const [session, streams] of waiting) {
      if (begun === begunAtOnce) {
        return;
      }
      waiting.delete(session);
      for (const [stream, headers] of streams) {
        streams.delete(stream);
        if (!stream.closed) {
          begin(stream, headers);
          break;
        }
      }
      if (streams.size > 0) {
        waiting.set(session, streams); // At the end: the others come first.
      }
    }
  }

  return (stream, headers) => {
    const { session } = stream;
    if (!session || stream.closed) {
      stream.on("error", ignore); // Over already: it cannot be answered.
    } else if (begun < begunAtOnce) {
      begin(stream, headers);
    } else {
      stream.on("error", ignore); // It may be reset while it waits.
      const streams = waiting.get(session) ?? new Map();
      waiting.set(session, streams.set(stream, headers));
    }
  };
}

function ignore(): void {}
