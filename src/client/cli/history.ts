import { create } from "@bufbuild/protobuf";
import { Command, Option } from "commander";
import {
  type HistoryResponse,
  HistoryResponseSchema,
  type SubscribeResponse,
  View,
} from "../../gen/chatter_pb.js";
import { type Call, withToken } from "./call.js";
import { createPlainReader, createResumingReader, type LogReader } from "./log-reader.js";
import {
  addCallOptions,
  addOutputOption,
  type CallOptions,
  createAfterOption,
  createNoResumeOption,
  type OutputOptions,
  parseCount,
} from "./options.js";
import { createPrinter } from "./output.js";

interface HistoryOptions extends CallOptions, OutputOptions {
  readonly view: keyof typeof views;
  readonly after?: string;
  readonly last?: number;
  readonly limit: number;
  readonly follow?: true;
  readonly resume: boolean;
}

const views = { default: View.DEFAULT, tiny: View.TINY };

/** `chatter history` */
export function createHistoryCommand(): Command {
  const command = new Command("history").description(
    "Print the stored messages, oldest first, and with --follow those that are added.",
  );
  addOutputOption(addCallOptions(command));
  return command
    .addOption(
      new Option("--view <name>", "every field, or the text alone")
        .env("CHATTER_VIEW")
        .default("default")
        .choices(Object.keys(views)),
    )
    .addOption(createAfterOption().conflicts("last"))
    .addOption(
      new Option(
        "--last <count>",
        "start so many messages before the newest (default: at the oldest)",
      ).argParser(parseCount(1)),
    )
    .addOption(
      new Option("--limit <count>", "end after so many messages; 0: all")
        .default(0)
        .argParser(parseCount(0)),
    )
    .option(
      "--follow",
      "go on with the messages that are added, until Ctrl+C; a lost connection is made anew",
    )
    .addOption(createNoResumeOption())
    .addHelpText("after", examples)
    .action((options: HistoryOptions) =>
      withToken(options, async (call) => {
        const printer = createPrinter(options, call.signal);
        let left = options.limit;
        const messages = options.follow ? followHistory(call, options) : readHistory(call, options);
        for await (const message of messages) {
          await printer.message(HistoryResponseSchema, message);
          if (--left === 0) {
            return;
          }
        }
      }),
    );
}

function readHistory({ client, signal }: Call, options: HistoryOptions) {
  const { after, last = 0, limit, view } = options;
  const request = { after, last: BigInt(last), limit: BigInt(limit), view: views[view] };
  return client.history(request, { signal });
}

async function* followHistory(
  call: Call,
  options: HistoryOptions,
): AsyncGenerator<HistoryResponse, void> {
  const reader = options.resume ? createResumingReader(call) : createPlainReader(call);
  for await (const message of follow(reader, options)) {
    yield narrow(message, options.view);
  }
}

/**
 * The stored messages, then those that are added, each once: the subscription goes on after
 * the last stored one.
 */
async function* follow(
  reader: LogReader,
  { after, last }: HistoryOptions,
): AsyncGenerator<HistoryResponse, void> {
  let cursor = after || undefined;
  if (cursor === undefined) {
    // Taken before the history: if that is empty, what is added while it is asked for would
    // fall between the two.
    cursor = await reader.head();
    for await (const message of reader.history(last)) {
      cursor = message.cursor;
      yield message;
    }
  }
  for await (const event of reader.subscribe({ after: cursor, bookmarkSeconds: 0 })) {
    yield toHistory(event);
  }
}

/** An added message in the form of a stored one. */
function toHistory(event: SubscribeResponse): HistoryResponse {
  return create(HistoryResponseSchema, {
    message: event.message,
    length: Buffer.byteLength(event.message),
    sentAt: event.addedAt,
    sequence: event.sequence,
    sender: event.sender,
    cursor: event.cursor,
  });
}

function narrow(message: HistoryResponse, view: HistoryOptions["view"]): HistoryResponse {
  return view === "tiny" ? create(HistoryResponseSchema, { message: message.message }) : message;
}

const examples = `
Examples:
  chatter history --last 10
  chatter history --view tiny | jq -r .message
  chatter history --follow --output jsonl >> messages.jsonl
  chatter history --after "$(tail -1 messages.jsonl | jq -r .cursor)" >> messages.jsonl`;
