import { Command } from "commander";
import { type EchoerResponse, EchoerResponseSchema } from "../../gen/chatter_pb.js";
import { addCallOptions, addOutputOption, type OutputOptions } from "./options.js";
import { createPrinter } from "./output.js";
import {
  addReliableOption,
  createRequests,
  inputHelp,
  type PostingOptions,
  postLines,
} from "./posting.js";
import { postReliably } from "./reliable-posts.js";

/** `chatter echoer` */
export function createEchoerCommand(): Command {
  const command = new Command("echoer").description(
    "Store each line of standard input as a message, and print each once it is durable.",
  );
  addOutputOption(addReliableOption(addCallOptions(command)));
  return command
    .addHelpText("after", `${inputHelp}\n${examples}`)
    .action((options: PostingOptions & OutputOptions) =>
      postLines(options, "stored", async (posting) => {
        const { client, lines, progress, signal } = posting;
        const printer = createPrinter(options, signal);
        const print = (answer: EchoerResponse) => {
          progress.count();
          progress.hide(); // standard output may be the same terminal
          return printer.message(EchoerResponseSchema, answer);
        };
        if (options.reliable) {
          return postReliably(posting, print);
        }
        for await (const answer of client.echoer(createRequests(lines), { signal })) {
          await print(answer);
        }
      }),
    );
}

const examples = `
Examples:
  chatter echoer
  printf 'one\\ntwo\\n' | chatter echoer --output jsonl
  chatter echoer --reliable < messages.txt > answers.jsonl
  chatter echoer < messages.txt | jq -r .cursor | tail -1`;
