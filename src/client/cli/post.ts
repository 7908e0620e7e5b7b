import { Command } from "commander";
import { wholeStandardInput } from "../../cli/input-lines.js";
import { addOutputOption, type OutputOptions } from "../../cli/options.js";
import { createPrinter } from "../../cli/output.js";
import { PostResponseSchema } from "../../gen/chatter_pb.js";
import { withToken } from "./call.js";
import { addCallOptions, type CallOptions, createRoomOption } from "./call-options.js";

interface PostOptions extends CallOptions, OutputOptions {
  readonly room?: string;
}

/** `chatter post` */
export function createPostCommand(): Command {
  const command = new Command("post")
    .description("Post one message, and print where it is stored once it is durable.")
    .argument(
      "[text...]",
      "the message: the words, separated by spaces (default: standard input as a whole)",
    );
  addOutputOption(addCallOptions(command).addOption(createRoomOption()));
  return command
    .addHelpText("after", examples)
    .action(async (words: readonly string[], options: PostOptions) => {
      const message = words.length > 0 ? words.join(" ") : await readMessage();
      await withToken(options, async ({ client, signal }) => {
        const stored = await client.post({ message, room: options.room }, { signal });
        await createPrinter(options, signal).message(PostResponseSchema, stored, true);
      });
    });
}

function readMessage(): Promise<string> {
  if (process.stdin.isTTY) {
    process.stderr.write("Press Ctrl+D at the end of the message.\n");
  }
  return wholeStandardInput();
}

const examples = `
Examples:
  chatter post the build is done
  chatter post --room team/alpha "soup?"
  make 2>&1 | tail -20 | chatter post --room builds
  chatter post -- --help is an option`;
