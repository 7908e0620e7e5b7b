import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";

/** So many streams are begun in one turn of the event loop; one of each session at least. */
const begunAtOnce = 32;

type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** A session's streams that began in this turn, and those that wait for the next ones. */
interface Starts {
  begun: number;
  readonly waiting: { readonly stream: ServerHttp2Stream; readonly headers: IncomingHttpHeaders }[];
  /** How many of these are done with. */
  next: number;
}

/**
 * One packet can hold the heads of hundreds of streams. The first few of a session are
 * served at once, the others some a turn, so that other sessions are read and answered in
 * between; and those whose reset came in the same packet are over by then, and cost next
 * to nothing.
 */
export function createStreamStarts(serve: Serve): Serve {
  const sessions = new Map<Http2Session, Starts>();

  function onTurn(): void {
    const share = Math.max(1, Math.floor(begunAtOnce / sessions.size));
    for (const [session, starts] of sessions) {
      const { waiting } = starts;
      starts.begun = 0;
      while (starts.begun < share && starts.next < waiting.length) {
        const { stream, headers } = waiting[starts.next++]!;
        if (!stream.closed) {
          starts.begun++;
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
      starts = { begun: 0, waiting: [], next: 0 };
      sessions.set(session, starts);
    }
    if (starts.begun < begunAtOnce && starts.waiting.length === 0) {
      starts.begun++;
      serve(stream, headers);
    } else {
      stream.on("error", ignore); // It may be reset while it waits.
      starts.waiting.push({ stream, headers });
    }
  };
}

function ignore(): void {}
