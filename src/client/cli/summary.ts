import { Command } from "commander";
import { SummaryResponseSchema } from "../../gen/chatter_pb.js";
import {
  addCallOptions,
  addOutputOption,
  type CallOptions,
  type OutputOptions,
} from "./options.js";
import { createPrinter } from "./output.js";
import { inputHelp, postLines } from "./posting.js";

/** `chatter summary` */
export function createSummaryCommand(): Command {
  const command = new Command("summary").description(
    "Store each line of standard input as a message, and print at the end a summary of each.\n" +
      "The summaries have 4 MiB at most in all: chatter listener has no such bound.",
  );
  addOutputOption(addCallOptions(command));
  return command
    .addHelpText("after", `${inputHelp}\n${examples}`)
    .action((options: CallOptions & OutputOptions) =>
      postLines(options, async ({ client, signal }, requests) => {
        const response = await client.summary(requests, { signal });
        await createPrinter(options, signal).message(SummaryResponseSchema, response, true);
      }),
    );
}

const examples = `
Examples:
  printf 'one\\ntwo\\n' | chatter summary --output pretty
  chatter summary < messages.txt | jq '.summaries[].length'`;
