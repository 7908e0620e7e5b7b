import { setTimeout } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import {
  type HistoryResponse,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from "../../gen/chatter_pb.js";
import { cursorHeader } from "../../protocol/headers.js";
import type { Subscription } from "../subscription.js";
import type { Call } from "./call.js";
import { createErrorNotes } from "./connection-notes.js";
import { noCursor } from "./errors.js";
import { FirstConnection } from "./first-connection.js";
import { subscribeLive } from "./live-subscription.js";

/** Where to start; undefined: now. */
export interface EventSelection {
  readonly after: string | undefined;
  /** Seconds of silence after which an event comes that has only a cursor; 0: never. */
  readonly bookmarkSeconds: number;
}

/** How commands follow rooms of the log. */
export interface LogReader {
  /** The cursor of the newest message. */
  head(): Promise<string>;
  /** The stored messages, or the last ones. */
  history(last: number | undefined): AsyncIterable<HistoryResponse>;
  /** New messages, from now on or after a cursor. */
  subscribe(selection: EventSelection): AsyncIterable<SubscribeResponse>;
}

/**
 * Continues when the connection is lost, and reports it.
 *
 * @param rooms names and patterns; empty: "main"
 * @param onLive called when a server has accepted the first call
 */
export function createResumingReader(
  call: Call,
  rooms: readonly string[],
  onLive = () => {},
): LogReader {
  const { chatter } = call;
  const notes = createErrorNotes(call);
  let wasLive = false;
  const first = new FirstConnection(call.signal, (state) => {
    notes(state);
    if (state.status === "live" && !wasLive) {
      wasLive = true;
      onLive();
    }
  });
  const { signal, onState } = first;
  return {
    async head() {
      const subscription = await subscribeLive(chatter, { rooms, signal, onState });
      await subscription.return?.();
      return subscription.cursor ?? "";
    },
    history: (last) => chatter.history({ rooms, last, signal, onState }),
    subscribe({ after, bookmarkSeconds }) {
      if (bookmarkSeconds === 0) {
        return first.guard(chatter.subscribe({ rooms, after, signal, onState }));
      }
      const events = chatter.subscribe({ rooms, after, bookmarkSeconds, signal, onState });
      return first.guard(withBookmarks(events, bookmarkSeconds));
    },
  };
}

/** Fails when the connection does. Same options. */
export function createPlainReader(
  { client, signal }: Call,
  rooms: readonly string[],
  onLive = () => {},
): LogReader {
  const request = { rooms: [...rooms] };
  const onHeader = (header: Headers) => {
    if (header.has(cursorHeader)) {
      onLive();
    }
  };
  return {
    head() {
      const enough = new AbortController();
      return new Promise((resolve, reject) => {
        const events = client.subscribe(request, {
          signal: AbortSignal.any([signal, enough.signal]),
          onHeader(header) {
            const cursor = header.get(cursorHeader);
            if (cursor !== null) {
              resolve(cursor);
              enough.abort();
            }
          },
        });
        events[Symbol.asyncIterator]()
          .next()
          .then(() => reject(noCursor()), reject);
      });
    },
    history: (last = 0) => client.history({ ...request, last: BigInt(last) }, { signal }),
    subscribe: (selection) => client.subscribe({ ...request, ...selection }, { signal, onHeader }),
  };
}

/** The client library does not pass the server's bookmarks on; their cursor shows them. */
async function* withBookmarks(
  events: Subscription,
  seconds: number,
): AsyncGenerator<SubscribeResponse, void> {
  try {
    for (;;) {
      const next = events.next();
      const settled = new AbortController();
      const settle = () => settled.abort();
      next.then(settle, settle);
      while (!settled.signal.aborted) {
        await setTimeout(seconds * 1000, undefined, settled).catch(() => {}); // cut short
        if (!settled.signal.aborted && events.state.status === "live") {
          yield create(SubscribeResponseSchema, { cursor: events.cursor });
        }
      }
      const { done, value } = await next;
      if (done) {
        return;
      }
      yield value;
    }
  } finally {
    await events.return?.();
  }
}
