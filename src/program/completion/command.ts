import { Argument, Command } from "commander";
import { writeOutput } from "../../cli/output.js";
import { bashCompletion } from "./bash.js";
import { type CompletedCommand, completedCommands } from "./completed-command.js";
import { fishCompletion } from "./fish.js";
import { zshCompletion } from "./zsh.js";

const scripts: Readonly<Record<string, (commands: readonly CompletedCommand[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/**
 * `chatter completion`
 *
 * @param load makes the program with all of its commands
 */
export function createCompletionCommand(load: () => Promise<Command>): Command {
  return new Command("completion")
    .description(
      "Print a script for a shell, which then completes commands, options and their values.",
    )
    .addArgument(new Argument("<shell>", "the shell").choices(Object.keys(scripts)))
    .addHelpText(
      "after",
      `
Examples:
  source <(chatter completion bash)                     # in ~/.bashrc
  source <(chatter completion zsh)                      # in ~/.zshrc, after compinit
  chatter completion fish | source                      # in ~/.config/fish/config.fish`,
    )
    .action(async (shell: string) => writeOutput(scripts[shell]!(completedCommands(await load()))));
}
