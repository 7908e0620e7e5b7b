import type { CompletedCommand } from "./completed-command.js";
import { roomsBeginningWith } from "./quote.js";

/** A script for fish that completes the commands, with their descriptions. */
export function fishCompletion(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ path, commands: subs, options, argument }) => {
    const begin = `complete -c chatter -n ${quote(`__chatter_at ${path}`)}`;
    return [
      ...(typeof argument === "string" ? [`${begin} -F`] : []),
      ...(Array.isArray(argument) ? [`${begin} -a ${quote(argument.join(" "))}`] : []),
      ...subs.map(({ name, description }) => `${begin} -a ${name} -d ${quote(description)}`),
      ...options.map(({ name, description, takesValue, value }) => {
        const value_ = takesValue ? valueFlags(value) : "";
        return `${begin} -l ${name.slice(2)}${value_} -d ${quote(description)}`;
      }),
    ];
  });
  const paths = commands.slice(1).map(({ path }) => quote(path));
  return `# Completion for fish. In ~/.config/fish/config.fish: chatter completion fish | source
set -g __chatter_commands ${paths.join(" ")}
function __chatter_at
  set -l at chatter
  set -l words (commandline -opc)
  for word in $words[2..]
    if contains -- "$at $word" $__chatter_commands
      set at "$at $word"
    end
  end
  test "$at" = "$argv"
end
function __chatter_rooms
  ${roomsBeginningWith("(commandline -ct)")}
end
complete -c chatter -e
complete -c chatter -f
${lines.join("\n")}
`;
}

function valueFlags(value: CompletedCommand["argument"]): string {
  switch (value) {
    case undefined:
      return " -x";
    case "file":
      return " -r -F";
    case "room":
      return ` -x -a ${quote("(__chatter_rooms)")}`;
    case "folder":
      return ` -x -a ${quote("(__fish_complete_directories)")}`;
    default:
      return ` -x -a ${quote(value.join(" "))}`;
  }
}

/**
 * In fish, a backslash between quotes stands for itself, except before a quote or another
 * backslash.
 */
function quote(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
