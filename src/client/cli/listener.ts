import { Command } from "commander";
import { ListenerResponseSchema } from "../../gen/chatter_pb.js";
import {
  addCallOptions,
  addOutputOption,
  type CallOptions,
  type OutputOptions,
} from "./options.js";
import { createPrinter } from "./output.js";
import { inputHelp, postLines } from "./posting.js";

/** `chatter listener` */
export function createListenerCommand(): Command {
  const command = new Command("listener").description(
    "Store each line of standard input as a message, and print at the end how many are stored.",
  );
  addOutputOption(addCallOptions(command));
  return command
    .addHelpText("after", `${inputHelp}\n${examples}`)
    .action((options: CallOptions & OutputOptions) =>
      postLines(options, async ({ client, signal }, requests) => {
        const response = await client.listener(requests, { signal });
        await createPrinter(options, signal).message(ListenerResponseSchema, response, true);
      }),
    );
}

const examples = `
Examples:
  chatter listener < messages.txt
  seq 100000 | chatter listener
  chatter listener --url https://chat.example.com --protocol grpc`;
