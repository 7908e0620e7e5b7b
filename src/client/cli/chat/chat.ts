import { Command, Option } from "commander";
import { paragraph } from "../../../cli/help.js";
import { parseCount } from "../../../cli/options.js";
import { mainRoom } from "../../../protocol/rooms.js";
import { type Call, withToken } from "../call.js";
import { addCallOptions, type CallOptions, createRoomOption } from "../call-options.js";
import { completeTyped } from "./commands.js";
import { listRooms } from "./room-list.js";
import { PlainScreen } from "./screen.js";
import { ChatSession } from "./session.js";
import { TerminalScreen } from "./terminal.js";

interface ChatOptions extends CallOptions {
  readonly room?: string;
  readonly last: number;
}

/** `chatter chat` */
export function createChatCommand(): Command {
  const command = new Command("chat").description(
    "Chat on a terminal: the last messages, new ones as they come, and a line to type in. " +
      "When the connection is lost it is restored, and nothing is missed, lost or posted twice.",
  );
  return addCallOptions(command)
    .addOption(createRoomOption())
    .addOption(
      new Option("--last <count>", "how many of the stored messages to begin with")
        .default(20)
        .argParser(parseCount(0)),
    )
    .addHelpText("after", paragraph(keys))
    .addHelpText("after", examples)
    .action(chat);
}

async function chat({ room = mainRoom, last, ...options }: ChatOptions): Promise<void> {
  const { stdin, stdout, env } = process;
  const isTerminal = stdin.isTTY && stdout.isTTY && env.TERM !== "dumb";
  let terminal: TerminalScreen | undefined;
  const run = (call: Call) => {
    terminal = isTerminal ? createTerminal(call) : undefined;
    return new ChatSession(call, terminal ?? new PlainScreen(call.signal), room, last).run();
  };
  // The calls that this makes request tokens.
  await withToken(options, run, isTerminal ? (fault) => terminal!.askAccount(fault) : undefined);
}

function createTerminal(call: Call): TerminalScreen {
  const findRooms = async (prefix: string) =>
    (await listRooms(call, prefix)).map(({ room }) => room);
  return new TerminalScreen((line) => completeTyped(line, findRooms));
}

const keys =
  "Enter posts the line, Ctrl+D ends, Ctrl+C gives up what is not stored yet. /room NAME goes to " +
  "another room, /room lists the rooms, and Tab completes both. NO_COLOR=1 leaves " +
  'the colours out. Without a terminal each message is a line, "sender: text", and each line of ' +
  "standard input is posted.";

const examples = `
Examples:
  chatter chat
  chatter chat --room team/alpha
  chatter chat --url https://chat.example.com --protocol ws
  echo "the build is done" | chatter chat --last 0`;
