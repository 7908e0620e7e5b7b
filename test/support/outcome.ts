import { type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import { type CallOptions, ConnectError } from "@connectrpc/connect";
import { type PostProgress, PostProgressSchema } from "../../src/gen/chatter_pb.js";

/** Everything that a client sees of a call. */
export interface Outcome {
  readonly messages: readonly unknown[];
  readonly header: Readonly<Record<string, string>>;
  readonly trailer: Readonly<Record<string, string>>;
  readonly error: unknown;
}

/** Runs a call and records what the client sees of it, except what is different every time. */
export async function outcomeOf<Desc extends DescMessage>(
  schema: Desc,
  call: (options: CallOptions) => Promise<MessageShape<Desc>> | AsyncIterable<MessageShape<Desc>>,
): Promise<Outcome> {
  const messages: unknown[] = [];
  let header = new Headers();
  let trailer = new Headers();
  let error: unknown;
  const options: CallOptions = {
    onHeader: (received) => {
      header = received;
    },
    onTrailer: (received) => {
      trailer = received;
    },
  };
  const take = (message: MessageShape<Desc>) =>
    messages.push(withoutTimes(toJson(schema, message)));
  try {
    const answer = call(options);
    if (Symbol.asyncIterator in answer) {
      for await (const message of answer) {
        take(message);
      }
    } else {
      take(await answer);
    }
  } catch (reason) {
    error = describe(ConnectError.from(reason));
  }
  return { messages, header: steady(header), trailer: steady(trailer), error };
}

export function progressOf(error: ConnectError): PostProgress | undefined {
  return error.findDetails(PostProgressSchema)[0];
}

function describe(error: ConnectError) {
  const progress = error.findDetails(PostProgressSchema).map((each) => ({
    stored: each.stored,
    lastSequence: each.lastSequence,
  }));
  return {
    code: error.code,
    text: error.rawMessage,
    metadata: steady(error.metadata),
    progress,
  };
}

/** Cursors hold the log's identity, which comes first. */
function withoutTimes(json: unknown): unknown {
  return JSON.parse(
    JSON.stringify(json, (key, value) => {
      if (key === "sentAt" || key === "addedAt") {
        return "a time";
      }
      return key === "cursor" ? (value as string).slice(8) : value;
    }),
  );
}

/** Headers that are the same each time, and do not name the codec or the HTTP version. */
function steady(headers: Headers): Record<string, string> {
  const changing = new Set([
    "date",
    "content-type",
    "connection",
    "keep-alive",
    "transfer-encoding",
    "x-request-id",
    // These two have the error's text and details, which are compared as such.
    "grpc-message",
    "grpc-status-details-bin",
  ]);
  return Object.fromEntries(
    [...headers]
      .filter(([name]) => !changing.has(name))
      .map(([name, value]) => [name, name === "chatter-cursor" ? value.slice(8) : value]),
  );
}
