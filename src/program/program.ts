import { Command, CommanderError } from "commander";
import { exitStatus, Interrupted } from "../cli/exit.js";
import { UsageError } from "../errors/usage-error.js";
import { packageVersion } from "../server/util/package-root.js";

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Imports and makes the command: only the one that is asked for is loaded. */
  readonly load: () => Promise<Command>;
}

const entries: readonly CommandEntry[] = [
  {
    name: "serve",
    summary: "run the server",
    load: async () => (await import("../server/cli/serve.js")).createServeCommand(),
  },
  {
    name: "config",
    summary: "print the configuration that the server would use",
    load: async () => (await import("../server/cli/config.js")).createConfigCommand(),
  },
  {
    name: "login",
    summary: "exchange a user name and a password for a token",
    load: async () => (await import("../client/cli/login.js")).createLoginCommand(),
  },
  {
    name: "chat",
    summary: "chat on a terminal: read and post at the same time",
    load: async () => (await import("../client/cli/chat/chat.js")).createChatCommand(),
  },
  {
    name: "post",
    summary: "post one message",
    load: async () => (await import("../client/cli/post.js")).createPostCommand(),
  },
  {
    name: "listener",
    summary: "store each line of standard input, answer once at the end",
    load: async () => (await import("../client/cli/listener.js")).createListenerCommand(),
  },
  {
    name: "summary",
    summary: "store each line of standard input, answer with a summary of each",
    load: async () => (await import("../client/cli/summary.js")).createSummaryCommand(),
  },
  {
    name: "echoer",
    summary: "store each line of standard input and print it once it is durable",
    load: async () => (await import("../client/cli/echoer.js")).createEchoerCommand(),
  },
  {
    name: "subscribe",
    summary: "print each message that is added, as it comes",
    load: async () => (await import("../client/cli/subscribe.js")).createSubscribeCommand(),
  },
  {
    name: "history",
    summary: "print the stored messages, oldest first",
    load: async () => (await import("../client/cli/history.js")).createHistoryCommand(),
  },
  {
    name: "rooms",
    summary: "list the rooms, with what is unread",
    load: async () => (await import("../client/cli/rooms.js")).createRoomsCommand(),
  },
  {
    name: "log",
    summary: "export, import and verify the log: backup and restore",
    load: async () => {
      const [{ createLogCommand }, { createExportCommand }] = await Promise.all([
        import("../server/cli/log.js"),
        import("./log-export.js"),
      ]);
      return createLogCommand(createExportCommand());
    },
  },
  {
    name: "user",
    summary: "add, list and remove accounts, end their tokens",
    load: async () => (await import("../server/cli/user.js")).createUserCommand(),
  },
  {
    name: "key",
    summary: "make, rotate and remove the keys that sign tokens",
    load: async () => (await import("../server/cli/key.js")).createKeyCommand(),
  },
  {
    name: "token",
    summary: "issue, inspect and revoke tokens",
    load: async () => (await import("../server/cli/token.js")).createTokenCommand(),
  },
  {
    name: "completion",
    summary: "print a script that completes commands in a shell",
    load: async () =>
      (await import("./completion/command.js")).createCompletionCommand(() => createProgram()),
  },
];

/**
 * Runs the command line and resolves to its exit status: 0 success, 1 the call failed,
 * 2 wrong usage, 130 interrupted. What went wrong is one line on standard error.
 *
 * @param args what follows the program's name
 */
export async function runChatter(args: readonly string[]): Promise<number> {
  let command: Command | undefined;
  try {
    const program = await createProgram(args);
    program.hook("preAction", (_, action) => {
      command = action;
    });
    await program.parseAsync(args, { from: "user" });
    return exitStatus.success;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitStatus.success : exitStatus.usage;
    }
    if (error instanceof Interrupted) {
      return exitStatus.interrupted;
    }
    if (error instanceof UsageError) {
      process.stderr.write(`chatter: ${error.message}\n${hintOf(command)}\n`);
      return exitStatus.usage;
    }
    // Imported when it is needed: help and the like do not load the client library.
    const { describeFailure } = await import("../cli/failure.js");
    process.stderr.write(`chatter: ${describeFailure(error)}\n`);
    return exitStatus.failure;
  }
}

/**
 * The program with only that command loaded that the arguments name, the others by name; without
 * arguments, with all of them.
 */
async function createProgram(args?: readonly string[]): Promise<Command> {
  const program = new Command("chatter")
    .description(
      "Chatter: one ordered, durable log of messages in rooms, and commands to write and read it.",
    )
    .version(packageVersion())
    .addHelpText("after", examples);
  const words = args?.filter((arg) => !arg.startsWith("-"));
  const wanted = words?.[0] === "help" ? words[1] : words?.[0];
  for (const entry of entries) {
    const isWanted = args === undefined || entry.name === wanted;
    const command = isWanted ? await entry.load() : new Command(entry.name);
    program.addCommand(command.summary(entry.summary));
  }
  prepare(program);
  return program;
}

/** Errors of usage in one line with a hint, thrown instead of ending the process, at all depths. */
function prepare(command: Command): void {
  const takesRoom = command.options.some(({ long }) => long === "--room");
  command
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => {
        // In the form of commander's own suggestions.
        const isRoom = takesRoom && text.startsWith("error: too many arguments");
        const suggestion = isRoom ? "(Did you mean --room?)\n" : "";
        write(`${text.replace(/^error: /, "chatter: ")}${suggestion}`);
      },
    })
    .showHelpAfterError(hintOf(command));
  for (const sub of command.commands) {
    prepare(sub);
  }
}

/** Where help on a command is; undefined for the program as a whole. */
function hintOf(command: Command | undefined): string {
  const path = [];
  for (let at: Command | null | undefined = command; at?.parent; at = at.parent) {
    path.unshift(`${at.name()} `);
  }
  return `Try: chatter ${path.join("")}--help`;
}

const examples = `
Examples:
  chatter serve --demo
  export CHATTER_TOKEN=$(chatter login --user goa --password-stdin < password.txt)
  chatter chat
  chatter listener < messages.txt
  chatter history --last 10
  chatter subscribe | jq .message

Exit status: 0 success, 1 the call failed, 2 wrong usage, 130 interrupted.`;
