import type { Command } from "commander";

/** The source of completions for an option's value; undefined: the shell has none. */
export type CompletedValue = readonly string[] | "file" | "folder" | "room" | undefined;

export interface CompletedOption {
  /** Such as "--view". */
  readonly name: string;
  readonly description: string;
  readonly takesValue: boolean;
  readonly value: CompletedValue;
}

/** A command, and what can follow it. */
export interface CompletedCommand {
  /** Such as "chatter log export". */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly CompletedOption[];
  /** Of its first argument. */
  readonly argument: CompletedValue;
}

/** A command and all commands below it. */
export function completedCommands(command: Command, path = command.name()): CompletedCommand[] {
  const [argument] = command.registeredArguments;
  const options = command.options
    .filter(({ long, hidden }) => long && !hidden)
    .map(({ long, description, argChoices, flags, required, optional }) => ({
      name: long!,
      description: oneLine(description),
      takesValue: required || optional,
      value: argChoices ?? placeOf(flags),
    }));
  const help = { name: "--help", description: "show help", takesValue: false, value: undefined };
  return [
    {
      path,
      commands: command.commands.map((sub) => ({
        name: sub.name(),
        description: oneLine(sub.summary() || sub.description()),
      })),
      options: [...options, help],
      argument: argument?.argChoices ?? placeOf(`<${argument?.name()}>`),
    },
    ...command.commands.flatMap((sub) => completedCommands(sub, `${path} ${sub.name()}`)),
  ];
}

function placeOf(flags: string): CompletedValue {
  const name = /<([\w-]+)>/.exec(flags)?.[1];
  return name === "file" || name === "folder" || name === "room" ? name : undefined;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}
