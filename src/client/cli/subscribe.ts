import { Command, Option } from "commander";
import { addOutputOption, type OutputOptions, parseCount } from "../../cli/options.js";
import { createPrinter } from "../../cli/output.js";
import { SubscribeResponseSchema } from "../../gen/chatter_pb.js";
import { mainRoom } from "../../protocol/rooms.js";
import { createAccountPrompt } from "./account-prompt.js";
import { type Call, withToken } from "./call.js";
import {
  addCallOptions,
  type CallOptions,
  createAfterOption,
  createNoResumeOption,
  createRoomsOption,
} from "./call-options.js";
import { createPlainReader, createResumingReader } from "./log-reader.js";

interface SubscribeOptions extends CallOptions, OutputOptions {
  readonly room?: readonly string[];
  readonly after?: string;
  readonly bookmarkSeconds: number;
  readonly limit: number;
  readonly resume: boolean;
}

/** The maximum that a server accepts. */
const maxBookmarkSeconds = 3600;

/** `chatter subscribe` */
export function createSubscribeCommand(): Command {
  const command = new Command("subscribe").description(
    "Print each message that is added to a room, or to several, from now on, or after a cursor, until Ctrl+C. When the " +
      "connection is lost it is restored, and nothing is missed or printed twice.",
  );
  addOutputOption(addCallOptions(command));
  return command
    .addOption(createRoomsOption())
    .addOption(createAfterOption())
    .addOption(
      new Option("--limit <count>", "maximum number of messages, then it ends; 0: it never does")
        .default(0)
        .argParser(parseCount(0)),
    )
    .addOption(
      new Option(
        "--bookmark-seconds <seconds>",
        "seconds of silence after which to print an event that has only a cursor; 0: never",
      )
        .default(0)
        .argParser(parseCount(0, maxBookmarkSeconds)),
    )
    .addOption(createNoResumeOption())
    .addHelpText("after", examples)
    .action(subscribe);
}

async function subscribe(options: SubscribeOptions): Promise<void> {
  await withToken(options, (call) => printAdded(call, options), createAccountPrompt());
}

async function printAdded(call: Call, options: SubscribeOptions): Promise<void> {
  const { room: rooms = [mainRoom], after, bookmarkSeconds } = options;
  const what = rooms.length > 5 ? `${rooms.length} rooms and patterns` : rooms.join(", ");
  const tellLive = () => process.stderr.write(`chatter: subscribed to ${what}\n`);
  const createReader = options.resume ? createResumingReader : createPlainReader;
  const reader = createReader(call, rooms, tellLive);
  const printer = createPrinter(options, call.signal);
  let left = options.limit;
  for await (const event of reader.subscribe({ after, bookmarkSeconds })) {
    const isBookmark = event.sequence === 0n;
    // Every field of a message: also an empty text, which protobuf's JSON leaves out.
    await printer.message(SubscribeResponseSchema, event, !isBookmark);
    if (!isBookmark && --left === 0) {
      return;
    }
  }
}

const examples = `
Examples:
  chatter subscribe
  chatter subscribe --room 'team/*' --output text
  chatter subscribe --after "$(tail -1 events.jsonl | jq -r .cursor)" >> events.jsonl
  chatter subscribe --limit 1 | jq -r .message`;
