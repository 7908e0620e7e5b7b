import { Command, Option } from "commander";
import { addOutputOption, type OutputOptions } from "../../cli/options.js";
import { createPrinter } from "../../cli/output.js";
import { RoomsResponseSchema } from "../../gen/chatter_pb.js";
import { isRoomPrefix, maxRoomLength } from "../../protocol/rooms.js";
import { withToken } from "./call.js";
import { addCallOptions, type CallOptions } from "./call-options.js";
import { invalidPrefix } from "./errors.js";

interface RoomsOptions extends CallOptions, OutputOptions {
  readonly prefix?: string;
  readonly since?: string;
}

/** `chatter rooms` */
export function createRoomsCommand(): Command {
  const command = new Command("rooms").description(
    "Print the rooms that the token may read, by name: how many messages are kept, the last one's " +
      "sequence and time, and with --since how many came after it.",
  );
  addOutputOption(addCallOptions(command));
  return command
    .addOption(
      new Option("--prefix <text>", "only rooms whose name begins with this").argParser(
        parsePrefix,
      ),
    )
    .addOption(
      new Option("--since <cursor>", "count the messages after this cursor of an earlier answer"),
    )
    .addHelpText("after", examples)
    .action((options: RoomsOptions) =>
      withToken(options, async ({ client, signal }) => {
        const { prefix, since } = options;
        const printer = createPrinter(options, signal);
        for await (const room of client.rooms({ prefix, since }, { signal })) {
          await printer.message(RoomsResponseSchema, room, true);
        }
      }),
    );
}

function parsePrefix(text: string): string {
  if (!isRoomPrefix(text)) {
    throw invalidPrefix({ most: maxRoomLength });
  }
  return text;
}

const examples = `
Examples:
  chatter rooms
  chatter rooms --prefix team/ --output text
  chatter rooms --since "$(tail -1 messages.jsonl | jq -r .cursor)" | jq 'select(.messages_since != "0")'`;
