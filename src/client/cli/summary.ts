import { Command, Option } from "commander";
import { SummaryResponseSchema } from "../../gen/chatter_pb.js";
import { addCallOptions, addOutputOption, type OutputOptions } from "./options.js";
import { createPrinter } from "./output.js";
import { createRequests, inputHelp, type PostingOptions, postLines } from "./posting.js";

/** `chatter summary` */
export function createSummaryCommand(): Command {
  const command = new Command("summary").description(
    "Store each line of standard input as a message, and print at the end a summary of each.\n" +
      "The summaries have 4 MiB at most in all: chatter listener has no such bound.",
  );
  addOutputOption(addCallOptions(command));
  return command
    .addOption(new Option("--reliable").hideHelp())
    .addHelpText("after", `${inputHelp}\n${examples}`)
    .action((options: PostingOptions & OutputOptions) => {
      if (options.reliable) {
        command.error(
          "error: summary cannot be --reliable, since one answer has all the times of storing: " +
            "listener and echoer can",
        );
      }
      return postLines(options, "sent", async (posting) => {
        const { client, lines, progress, signal } = posting;
        const requests = createRequests(lines, () => progress.count());
        const response = await client.summary(requests, { signal });
        progress.end();
        await createPrinter(options, signal).message(SummaryResponseSchema, response, true);
      });
    });
}

const examples = `
Examples:
  printf 'one\\ntwo\\n' | chatter summary --output pretty
  chatter summary < messages.txt | jq '.summaries[].length'`;
