import { Command } from "commander";
import { EchoerResponseSchema } from "../../gen/chatter_pb.js";
import {
  addCallOptions,
  addOutputOption,
  type CallOptions,
  type OutputOptions,
} from "./options.js";
import { createPrinter } from "./output.js";
import { inputHelp, postLines } from "./posting.js";

/** `chatter echoer` */
export function createEchoerCommand(): Command {
  const command = new Command("echoer").description(
    "Store each line of standard input as a message, and print each once it is durable.",
  );
  addOutputOption(addCallOptions(command));
  return command
    .addHelpText("after", `${inputHelp}\n${examples}`)
    .action((options: CallOptions & OutputOptions) =>
      postLines(options, async ({ client, signal }, requests) => {
        const printer = createPrinter(options, signal);
        for await (const response of client.echoer(requests, { signal })) {
          await printer.message(EchoerResponseSchema, response);
        }
      }),
    );
}

const examples = `
Examples:
  chatter echoer
  printf 'one\\ntwo\\n' | chatter echoer --output jsonl
  chatter echoer < messages.txt | jq -r .cursor | tail -1`;
