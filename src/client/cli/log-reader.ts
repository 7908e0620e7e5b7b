import { setTimeout } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type HistoryResponse,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from "../../gen/chatter_pb.js";
import type { Subscription } from "../subscription.js";
import type { Call } from "./call.js";
import { createErrorNotes } from "./connection-notes.js";
import { FirstConnection } from "./first-connection.js";
import { subscribeLive } from "./live-subscription.js";

/** Where to start; undefined: now. */
export interface EventSelection {
  readonly after: string | undefined;
  /** After so many seconds of silence comes an event that has only a cursor; 0: never. */
  readonly bookmarkSeconds: number;
}

/** How commands follow the log. */
export interface LogReader {
  /** The cursor of the newest message. */
  head(): Promise<string>;
  /** The stored messages, or the last so many. */
  history(last: number | undefined): AsyncIterable<HistoryResponse>;
  /** What is added, from now on or after a cursor. */
  subscribe(selection: EventSelection): AsyncIterable<SubscribeResponse>;
}

/** Reads on when the connection is lost, and says so. */
export function createResumingReader(call: Call): LogReader {
  const { chatter } = call;
  const first = new FirstConnection(call.signal, createErrorNotes(call));
  const { signal, onState } = first;
  return {
    async head() {
      const subscription = await subscribeLive(chatter, { signal, onState });
      await subscription.return?.();
      return subscription.cursor ?? "";
    },
    history: (last) => chatter.history({ last, signal, onState }),
    subscribe({ after, bookmarkSeconds }) {
      if (bookmarkSeconds === 0) {
        return first.guard(chatter.subscribe({ after, signal, onState }));
      }
      const events = chatter.subscribe({ after, bookmarkSeconds, signal, onState });
      return first.guard(withBookmarks(events, bookmarkSeconds));
    },
  };
}

/** Fails when the connection does. */
export function createPlainReader({ client, signal }: Call): LogReader {
  return {
    head() {
      const enough = new AbortController();
      return new Promise((resolve, reject) => {
        const events = client.subscribe(
          {},
          {
            signal: AbortSignal.any([signal, enough.signal]),
            onHeader(header) {
              const cursor = header.get("chatter-cursor");
              if (cursor !== null) {
                resolve(cursor);
                enough.abort();
              }
            },
          },
        );
        const noCursor = new ConnectError(
          `the answer to subscribe has no header "chatter-cursor"`,
          Code.Internal,
        );
        events[Symbol.asyncIterator]()
          .next()
          .then(() => reject(noCursor), reject);
      });
    },
    history: (last = 0) => client.history({ last: BigInt(last) }, { signal }),
    subscribe: (selection) => client.subscribe(selection, { signal }),
  };
}

/** The client library keeps the server's bookmarks to itself; the cursor they bring it shows. */
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
