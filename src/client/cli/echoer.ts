import { Command } from "commander";
import type { OutputOptions } from "../../cli/options.js";
import { createPrinter } from "../../cli/output.js";
import { type EchoerResponse, EchoerResponseSchema } from "../../gen/chatter_pb.js";
import {
  addPostingOptions,
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
  return addPostingOptions(command)
    .addHelpText("after", inputHelp)
    .addHelpText("after", examples)
    .action((options: PostingOptions & OutputOptions) =>
      postLines(options, "stored", async (posting) => {
        const { client, progress, signal } = posting;
        const printer = createPrinter(options, signal);
        const print = (answer: EchoerResponse) => {
          progress.count();
          progress.hide(); // standard output may be the same terminal
          return printer.message(EchoerResponseSchema, answer);
        };
        if (options.reliable) {
          return postReliably(posting, print);
        }
        for await (const answer of client.echoer(createRequests(posting), { signal })) {
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
