import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { type Command, Option } from "commander";
import { paragraph } from "../../cli/help.js";
import { standardInputLines } from "../../cli/input-lines.js";
import { addOutputOption, type OutputOptions } from "../../cli/options.js";
import { createPrinter } from "../../cli/output.js";
import { Progress } from "../../cli/progress.js";
import { mainRoom } from "../../protocol/rooms.js";
import { type Call, withToken } from "./call.js";
import { addCallOptions, type CallOptions, createRoomOption } from "./call-options.js";

/** The options of posting commands that offer --reliable. */
export interface PostingOptions extends CallOptions {
  /** Undefined: "main". */
  readonly room?: string;
  readonly reliable?: true;
}

/** What a posting command works with. */
export interface Posting extends Call {
  /** The room to post to. */
  readonly room: string;
  /** The lines of standard input. */
  readonly lines: AsyncIterable<string>;
  readonly progress: Progress;
}

/**
 * Runs a posting command on the lines of standard input. Also rejects if the lines ended too early,
 * after the command has succeeded.
 *
 * @param counted what is done to the messages that the command counts: "sent", "stored"
 */
export async function postLines(
  options: PostingOptions,
  counted: string,
  run: (posting: Posting) => Promise<void>,
): Promise<void> {
  const lines = standardInputLines();
  if (process.stdin.isTTY) {
    process.stderr.write("Press Ctrl+D to stop chatting.\n");
  }
  await withToken(options, async (call) => {
    const progress = new Progress(counted);
    try {
      await run({ ...call, room: options.room ?? mainRoom, lines, progress });
    } finally {
      progress.end();
    }
    if (lines.fault !== undefined) {
      throw lines.fault;
    }
  });
}

/**
 * Runs a posting command that prints one answer at the end.
 *
 * @param call makes the call that the command is named for
 * @param collect makes the same answer with --reliable, from posts that are answered one by one
 */
export function postForAnswer<Desc extends DescMessage>(
  options: PostingOptions & OutputOptions,
  schema: Desc,
  call: (posting: Posting) => Promise<MessageShape<Desc>>,
  collect: (posting: Posting) => Promise<MessageShape<Desc>>,
): Promise<void> {
  return postLines(options, options.reliable ? "stored" : "sent", async (posting) => {
    const answer = await (options.reliable ? collect(posting) : call(posting));
    posting.progress.end();
    await createPrinter(options, posting.signal).message(schema, answer, true);
  });
}

/** A request for each line; `onSent` is called with each. */
export async function* createRequests(
  { lines, room }: Posting,
  onSent = () => {},
): AsyncGenerator<{ message: string; room: string }, void> {
  for await (const message of lines) {
    onSent();
    yield { message, room };
  }
}

/** Adds --url, --protocol, --token, --room, --reliable and --output. */
export function addPostingOptions(command: Command): Command {
  addCallOptions(command).addOption(createRoomOption());
  addOutputOption(command);
  return command.addOption(
    new Option(
      "--reliable",
      "continue when the connection is lost: each message is stored once, whatever breaks",
    ),
  );
}

/** What the help of each posting command says about its input. */
export const inputHelp = paragraph(
  "Each line of standard input is one message, as UTF-8. Empty lines are left out. A line over " +
    "65,536 bytes, or one that is not UTF-8, ends the input: what came before it is posted, and " +
    "the exit status is 1.",
);
