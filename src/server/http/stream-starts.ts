import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";

/**
 * So many streams are begun in one turn of the event loop, or one of each session that has
 * some if that is more. One takes a third of a millisecond, and a whole one at the start.
 */
const begunAtOnce = 16;

type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** A session's streams that wait for one of the next turns. */
interface Starts {
  readonly waiting: { readonly stream: ServerHttp2Stream; readonly headers: IncomingHttpHeaders }[];
  /** How many of these are done with. */
  next: number;
}

/**
 * One packet can hold the heads of hundreds of streams, and many packets come at once. The
 * first few streams are served at once, the others some a turn, so that all others are read
 * and answered in between; and those whose reset came in the same packet are over by then,
 * and cost next to nothing.
 */
export function createStreamStarts(serve: Serve): Serve {
  const sessions = new Map<Http2Session, Starts>();
  /** In this turn. */
  let begun = 0;

  function onTurn(): void {
    begun = 0;
    const share = Math.max(1, Math.floor(begunAtOnce / sessions.size));
    for (const [session, starts] of sessions) {
      const { waiting } = starts;
      for (let left = share; left > 0 && starts.next < waiting.length; ) {
        const { stream, headers } = waiting[starts.next++]!;
        if (!stream.closed) {
          left--;
          begun++;
          serve(stream, headers);
        }
      }
      if (starts.next === waiting.length) {
        sessions.delete(session);
      }
    }
    if (sessions.size > 0) {
      setImmediate(onTurn);
    }
  }

  return (stream, headers) => {
    const { session } = stream;
    if (!session || stream.closed) {
      stream.on("error", ignore); // Over already: it cannot be answered.
      return;
    }
    let starts = sessions.get(session);
    if (!starts) {
      if (sessions.size === 0) {
        setImmediate(onTurn);
      }
      starts = { waiting: [], next: 0 };
      sessions.set(session, starts);
    }
    if (begun < begunAtOnce && starts.waiting.length === 0) {
      begun++;
      serve(stream, headers);
    } else {
      stream.on("error", ignore); // It may be reset while it waits.
      starts.waiting.push({ stream, headers });
    }
  };
}

function ignore(): void {}
