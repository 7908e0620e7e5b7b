import type { CompletedCommand } from "./completed-command.js";
import { anyOf, quote, roomsBeginningWith, valuePlaces } from "./quote.js";

/** A script for bash that completes the commands. */
export function bashCompletion(commands: readonly CompletedCommand[]): string {
  const choices = commands.flatMap(({ path, options }) =>
    options
      .filter(({ value }) => Array.isArray(value))
      .map(({ name, value }) => {
        const words = quote((value as readonly string[]).join(" "));
        return `    ${quote(`${path} ${name}`)}) words=${words} ;;`;
      }),
  );
  const words = commands.map(({ path, commands: subs, options, argument }) => {
    const names = [...subs, ...options].map(({ name }) => name);
    const all = [...(Array.isArray(argument) ? argument : []), ...names].join(" ");
    const files = typeof argument === "string" ? "; files=default" : "";
    return `        ${quote(path)}) words=${quote(all)}${files} ;;`;
  });
  return `# Completion for bash. In ~/.bashrc: source <(chatter completion bash)
_chatter() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  local at=chatter word words= files=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
      ${anyOf(commands.slice(1).map(({ path }) => path))}) at="$at $word" ;;
    esac
  done
  case "$at $previous" in
${choices.join("\n")}
    ${anyOf(valuePlaces(commands, (value) => value === "file"))}) files=default ;;
    ${anyOf(valuePlaces(commands, (value) => value === "folder"))}) files=dirnames ;;
    ${anyOf(valuePlaces(commands, (value) => value === "room"))}) words=$(${roomsBeginningWith('"$current"')}) ;;
    ${anyOf(valuePlaces(commands, (value) => value === undefined))}) ;;
    *)
      case "$at" in
${words.join("\n")}
      esac
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ -n "$files" ]; then
    compopt -o "$files" 2>/dev/null
  fi
}
complete -F _chatter chatter
`;
}
