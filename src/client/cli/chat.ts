import { Command, Option } from "commander";
import { withToken } from "./call.js";
import { PlainScreen } from "./chat-screen.js";
import { ChatSession } from "./chat-session.js";
import { TerminalScreen } from "./chat-terminal.js";
import { addCallOptions, type CallOptions, parseCount } from "./options.js";

interface ChatOptions extends CallOptions {
  readonly last: number;
}

/** `chatter chat` */
export function createChatCommand(): Command {
  const command = new Command("chat").description(
    "Read and write at once: the last messages, those that are added, and a line to type in.\n" +
      "When the connection is lost it is made anew, and nothing is missed, lost or said twice.",
  );
  return addCallOptions(command)
    .addOption(
      new Option("--last <count>", "begin with so many of the stored messages")
        .default(20)
        .argParser(parseCount(0)),
    )
    .addHelpText("after", help)
    .action((options: ChatOptions) =>
      withToken(options, (call) => {
        const { stdin, stdout, env } = process;
        const isTerminal = stdin.isTTY && stdout.isTTY && env.TERM !== "dumb";
        const screen = isTerminal ? new TerminalScreen() : new PlainScreen(call.signal);
        return new ChatSession(call, screen).run(options.last);
      }),
    );
}

const help = `
Enter posts the line, Ctrl+D ends, Ctrl+C gives up what is not stored yet. NO_COLOR=1 leaves
the colours out. Without a terminal each message is a line, "sender: text", and each line of
standard input is posted.

Examples:
  chatter chat
  chatter chat --url https://chat.example.com --protocol ws
  echo "the build is done" | chatter chat --last 0`;
