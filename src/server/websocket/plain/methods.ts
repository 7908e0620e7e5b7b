import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  ChatterService,
  EchoerResponseSchema,
  HistoryRequestSchema,
  SubscribeRequestSchema,
  SummaryResponseSchema,
  View,
} from "../../../gen/chatter_pb.js";
import { pingPolicy } from "../ping-policy.js";
import type { ConfigureConnection } from "../route.js";
import { type Answers, answers, nothing, shared } from "./answers.js";
import { storedAnswers } from "./stored-fields.js";

/** A streaming method of goa's chatter: how its WebSocket and its messages look. */
export interface PlainMethod {
  readonly path: string;
  /** A handshake is a GET. */
  readonly verb: string;
  readonly method: (typeof ChatterService.methods)[number];
  /**
   * The one request of the method, by the query. Undefined: the client sends a stream,
   * JSON strings, each the `message` of a request.
   */
  readonly request?: (query: URLSearchParams) => MessageShape<DescMessage>;
  /** What the client gets for the response messages. */
  readonly answers: (query: URLSearchParams) => Answers;
  /** Headers of the 101 response. */
  readonly headers?: (query: URLSearchParams) => Readonly<Record<string, string>>;
  readonly configure?: ConfigureConnection;
}

const { listener, summary, subscribe, history, echoer } = ChatterService.method;

/** `POST /login`, which does not stream. */
export const loginRoute = { path: "/login", verb: "POST", method: ChatterService.method.login };

/** The streaming methods, one a row. What takes a query throws `invalid_argument`. */
export const plainMethods: readonly PlainMethod[] = [
  { path: "/listener", verb: "GET", method: listener, answers: () => nothing },
  { path: "/summary", verb: "GET", method: summary, answers: () => summaries },
  {
    path: "/subscribe",
    verb: "GET",
    method: subscribe,
    request: (query) => create(SubscribeRequestSchema, { after: textOf(query, "after") }),
    answers: () => events,
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
      }),
    answers: (query) => (viewOf(query) === "tiny" ? tinyMessages : messages),
    headers: (query) => ({ "goa-view": viewOf(query) }),
  },
  { path: "/echoer", verb: "GET", method: echoer, answers: () => echoes },
];

const summaries = answers(SummaryResponseSchema, (response) =>
  response.summaries.map((entry) => ({
    message: entry.message,
    length: entry.length,
    sent_at: timestampDate(entry.sentAt!).toISOString(),
    sequence: Number(entry.sequence),
  })),
);

const events = shared(
  storedAnswers(({ message, time, sequence, sender, cursor }) => ({
    message,
    action: "added",
    added_at: new Date(time).toISOString(),
    sequence,
    sender,
    cursor,
  })),
);

const messages = shared(
  storedAnswers(({ message, length, time, sequence, sender, cursor }) => ({
    message,
    length,
    sent_at: new Date(time).toISOString(),
    sequence,
    sender,
    cursor,
  })),
);

const tinyMessages = shared(storedAnswers(({ message }) => ({ message })));

const echoes = answers(EchoerResponseSchema, ({ message }) => message);

const views = { default: View.DEFAULT, tiny: View.TINY };

function viewOf(query: URLSearchParams): keyof typeof views {
  const view = query.get("view") ?? "default";
  if (!Object.hasOwn(views, view)) {
    throw invalid(`there is no view ${JSON.stringify(view)}: use "default" or "tiny"`);
  }
  return view as keyof typeof views;
}

function textOf(query: URLSearchParams, name: string): string {
  return query.get(name) ?? "";
}

function countOf(query: URLSearchParams, name: string): bigint {
  const text = query.get(name) ?? "0";
  if (!/^\d{1,19}$/.test(text)) {
    throw invalid(`${name} is ${JSON.stringify(text)}: it must be a whole number, from 0`);
  }
  return BigInt(text);
}

function invalid(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}
