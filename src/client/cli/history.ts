import { create } from "@bufbuild/protobuf";
import { Command, Option } from "commander";
import { addOutputOption, type OutputOptions, parseCount } from "../../cli/options.js";
import { createPrinter } from "../../cli/output.js";
import {
  type HistoryResponse,
  HistoryResponseSchema,
  type SubscribeResponse,
  View,
} from "../../gen/chatter_pb.js";
import { createAccountPrompt } from "./account-prompt.js";
import { type Call, withToken } from "./call.js";
import {
  addCallOptions,
  type CallOptions,
  createAfterOption,
  createNoResumeOption,
  createRoomsOption,
} from "./call-options.js";
import { createPlainReader, createResumingReader, type LogReader } from "./log-reader.js";

interface HistoryOptions extends CallOptions, OutputOptions {
  readonly room?: readonly string[];
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
    "Print the stored messages of a room, or of several, oldest first, and with --follow those that are added.",
  );
  addOutputOption(addCallOptions(command));
  return command
    .addOption(createRoomsOption())
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
        "how many messages before the newest to start (default: at the oldest)",
      ).argParser(parseCount(1)),
    )
    .addOption(
      new Option("--limit <count>", "maximum number of messages; 0: all")
        .default(0)
        .argParser(parseCount(0)),
    )
    .option(
      "--follow",
      "continue with messages as they are added, until Ctrl+C; a lost connection is restored",
    )
    .addOption(createNoResumeOption())
    .addHelpText("after", examples)
    .action((options: HistoryOptions) =>
      withToken(
        options,
        (call) => printHistory(call, options),
        // Without --follow it ends before its token does.
        options.follow && createAccountPrompt(),
      ),
    );
}

async function printHistory(call: Call, options: HistoryOptions): Promise<void> {
  const printer = createPrinter(options, call.signal);
  let left = options.limit;
  const messages = options.follow ? followHistory(call, options) : readHistory(call, options);
  for await (const message of messages) {
    // Also an empty text, which protobuf's JSON leaves out.
    await (options.view === "tiny"
      ? printer.object({ message: message.message })
      : printer.message(HistoryResponseSchema, message, true));
    if (--left === 0) {
      return;
    }
  }
}

function readHistory({ client, signal }: Call, options: HistoryOptions) {
  const { room: rooms = [], after, last = 0, limit } = options;
  const view = views[options.view];
  const request = { rooms: [...rooms], after, last: BigInt(last), limit: BigInt(limit), view };
  return client.history(request, { signal });
}

function followHistory(call: Call, options: HistoryOptions): AsyncGenerator<HistoryResponse, void> {
  const createReader = options.resume ? createResumingReader : createPlainReader;
  return follow(createReader(call, options.room ?? []), options);
}

/**
 * The stored messages, then new ones, each once: the subscription continues after the last stored
 * one.
 */
async function* follow(
  reader: LogReader,
  { after, last }: HistoryOptions,
): AsyncGenerator<HistoryResponse, void> {
  let cursor = after || undefined;
  if (cursor === undefined) {
    // Requested before the history: if that is empty, a message that is added meanwhile would be
    // missed.
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

/** A new message in the form of a stored one. */
function toHistory(event: SubscribeResponse): HistoryResponse {
  return create(HistoryResponseSchema, {
    message: event.message,
    length: Buffer.byteLength(event.message),
    sentAt: event.addedAt,
    sequence: event.sequence,
    sender: event.sender,
    cursor: event.cursor,
    room: event.room,
  });
}

const examples = `
Examples:
  chatter history --last 10
  chatter history --room team/alpha --last 10 --output text
  chatter history --view tiny | jq -r .message
  chatter history --follow --output jsonl >> messages.jsonl
  chatter history --after "$(tail -1 messages.jsonl | jq -r .cursor)" >> messages.jsonl`;
