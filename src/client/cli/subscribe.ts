import { Command, Option } from "commander";
import { SubscribeResponseSchema } from "../../gen/chatter_pb.js";
import { withToken } from "./call.js";
import { createPlainReader, createResumingReader } from "./log-reader.js";
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

interface SubscribeOptions extends CallOptions, OutputOptions {
  readonly after?: string;
  readonly bookmarkSeconds: number;
  readonly limit: number;
  readonly resume: boolean;
}

/** The most that a server accepts. */
const maxBookmarkSeconds = 3600;

/** `chatter subscribe` */
export function createSubscribeCommand(): Command {
  const command = new Command("subscribe").description(
    "Print each message that is added from now on, or after a cursor, until Ctrl+C. When the\n" +
      "connection is lost it is made anew, and nothing is missed or printed twice.",
  );
  addOutputOption(addCallOptions(command));
  return command
    .addOption(createAfterOption())
    .addOption(
      new Option("--limit <count>", "end after so many messages; 0: never")
        .default(0)
        .argParser(parseCount(0)),
    )
    .addOption(
      new Option(
        "--bookmark-seconds <seconds>",
        "after so many seconds of silence print an event that has only a cursor; 0: never",
      )
        .default(0)
        .argParser(parseCount(0, maxBookmarkSeconds)),
    )
    .addOption(createNoResumeOption())
    .addHelpText("after", examples)
    .action(subscribe);
}

async function subscribe(options: SubscribeOptions): Promise<void> {
  const { after, bookmarkSeconds, limit } = options;
  await withToken(options, async (call) => {
    const reader = options.resume ? createResumingReader(call) : createPlainReader(call);
    const printer = createPrinter(options, call.signal);
    let left = limit;
    for await (const event of reader.subscribe({ after, bookmarkSeconds })) {
      await printer.message(SubscribeResponseSchema, event);
      const isBookmark = event.sequence === 0n;
      if (!isBookmark && --left === 0) {
        return;
      }
    }
  });
}

const examples = `
Examples:
  chatter subscribe
  chatter subscribe --after "$(tail -1 events.jsonl | jq -r .cursor)" >> events.jsonl
  chatter subscribe --limit 1 | jq -r .message`;
