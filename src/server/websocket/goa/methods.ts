import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import {
  ChatterService,
  EchoerResponseSchema,
  HistoryRequestSchema,
  SubscribeRequestSchema,
  SummaryResponseSchema,
  View,
} from "../../../gen/chatter_pb.js";
import type { StoredFields } from "../../encoding/stored-message.js";
import { notACount, unknownViewName } from "../errors.js";
import { pingPolicy } from "../ping-policy.js";
import type { ConfigureConnection } from "../route.js";
import { nothing, shared, storedTexts, type ToTexts, textsOf } from "./responses.js";

/** A streaming method of goa's chatter: its WebSocket and its messages. */
export interface GoaMethod {
  readonly path: string;
  /** A handshake is a GET. */
  readonly verb: string;
  readonly method: (typeof ChatterService.methods)[number];
  /**
   * The only request of the method, from the query. Undefined: the client sends a stream of JSON
   * strings, each the `message` of a request.
   */
  readonly request?: (query: URLSearchParams) => MessageShape<DescMessage>;
  /** Encodes the response messages for the client. */
  readonly toTexts: (query: URLSearchParams) => ToTexts;
  /** Headers of the 101 response. */
  readonly headers?: (query: URLSearchParams) => Readonly<Record<string, string>>;
  readonly configure?: ConfigureConnection;
}

const { listener, summary, subscribe, history, echoer } = ChatterService.method;

/** `POST /login`, which does not stream. */
export const loginRoute = { path: "/login", verb: "POST", method: ChatterService.method.login };

/** The streaming methods, one in each row. Functions that take a query throw `invalid_argument`. */
export const goaMethods: readonly GoaMethod[] = [
  { path: "/listener", verb: "GET", method: listener, toTexts: () => nothing },
  {
    path: "/summary",
    verb: "GET",
    method: summary,
    toTexts: (query) => summaries(namesRooms(query)),
  },
  {
    path: "/subscribe",
    verb: "GET",
    method: subscribe,
    request: (query) =>
      create(SubscribeRequestSchema, { after: textOf(query, "after"), rooms: roomsOf(query) }),
    toTexts: (query) => (namesRooms(query) ? roomEvents : events),
    configure: pingPolicy({ intervalMs: 3_000 }),
  },
  {
    path: "/history",
    verb: "GET",
    method: history,
    request: (query) =>
      create(HistoryRequestSchema, {
        view: views[viewOf(query)],
        after: textOf(query, "after"),
        limit: countOf(query, "limit"),
        last: countOf(query, "last"),
        rooms: roomsOf(query),
      }),
    toTexts: (query) =>
      viewOf(query) === "tiny" ? tinyMessages : namesRooms(query) ? roomMessages : messages,
    headers: (query) => ({ "goa-view": viewOf(query) }),
  },
  { path: "/echoer", verb: "GET", method: echoer, toTexts: () => echoes },
];

/*
 * Only clients that name rooms get the room of each message: for all others nothing changes.
 */

const summaries = (withRooms: boolean) =>
  textsOf(SummaryResponseSchema, (response) =>
    response.summaries.map((entry) => ({
      message: entry.message,
      length: entry.length,
      sent_at: timestampDate(entry.sentAt!).toISOString(),
      sequence: Number(entry.sequence),
      ...(withRooms ? { room: entry.room } : {}),
    })),
  );

const toEvent = ({ message, sentAt, sequence, sender, cursor }: StoredFields) => ({
  message,
  action: "added",
  added_at: new Date(sentAt).toISOString(),
  sequence,
  sender,
  cursor,
});

const toMessage = ({ message, length, sentAt, sequence, sender, cursor }: StoredFields) => ({
  message,
  length,
  sent_at: new Date(sentAt).toISOString(),
  sequence,
  sender,
  cursor,
});

const events = shared(storedTexts(toEvent));
const roomEvents = shared(storedTexts((fields) => ({ ...toEvent(fields), room: fields.room })));

const messages = shared(storedTexts(toMessage));
const roomMessages = shared(storedTexts((fields) => ({ ...toMessage(fields), room: fields.room })));

const tinyMessages = shared(storedTexts(({ message }) => ({ message })));

const echoes = textsOf(EchoerResponseSchema, ({ message }) => message);

const views = { default: View.DEFAULT, tiny: View.TINY };

function viewOf(query: URLSearchParams): keyof typeof views {
  const view = query.get("view") ?? "default";
  if (!Object.hasOwn(views, view)) {
    throw unknownViewName({ view: JSON.stringify(view) });
  }
  return view as keyof typeof views;
}

/** The rooms, and patterns, that a query names. None means `main`. */
export function roomsOf(query: URLSearchParams): string[] {
  return query.getAll("room");
}

function namesRooms(query: URLSearchParams): boolean {
  return query.has("room");
}

function textOf(query: URLSearchParams, name: string): string {
  return query.get(name) ?? "";
}

function countOf(query: URLSearchParams, name: string): bigint {
  const text = query.get(name) ?? "0";
  if (!/^\d{1,19}$/.test(text)) {
    throw notACount({ name, value: JSON.stringify(text) });
  }
  return BigInt(text);
}
