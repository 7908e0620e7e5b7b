import type { CompletedCommand } from "./completed-command.js";
import { anyOf, quote, roomsBeginningWith, valuePlaces } from "./quote.js";

/** A script for zsh that completes the commands, with their descriptions. */
export function zshCompletion(commands: readonly CompletedCommand[]): string {
  const choices = commands.flatMap(({ path, options }) =>
    options
      .filter(({ value }) => Array.isArray(value))
      .map(({ name, value }) => {
        const words = (value as readonly string[]).map(quote).join(" ");
        return `    ${quote(`${path} ${name}`)}) compadd -- ${words}; return ;;`;
      }),
  );
  const items = commands.map(({ path, commands: subs, options, argument }) => {
    const described = [
      ...(Array.isArray(argument) ? argument.map((name) => ({ name, description: "" })) : []),
      ...subs,
      ...options,
    ];
    // A colon ends the name.
    const words = described.map(({ name, description }) => quote(`${name}:${description}`));
    const files = typeof argument === "string" ? "; _files" : "";
    return `    ${quote(path)}) items=(${words.join(" ")})${files} ;;`;
  });
  return `#compdef chatter
# Completion for zsh. In ~/.zshrc, after compinit: source <(chatter completion zsh)
_chatter() {
  local at=chatter word
  local -a items
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
      ${anyOf(commands.slice(1).map(({ path }) => path))}) at="$at $word" ;;
    esac
  done
  case "$at \${words[CURRENT-1]}" in
${choices.join("\n")}
    ${anyOf(valuePlaces(commands, (value) => value === "file"))}) _files; return ;;
    ${anyOf(valuePlaces(commands, (value) => value === "folder"))}) _files -/; return ;;
    ${anyOf(valuePlaces(commands, (value) => value === "room"))}) compadd -- \${(f)"$(${roomsBeginningWith('"$words[CURRENT]"')})"}; return ;;
    ${anyOf(valuePlaces(commands, (value) => value === undefined))}) return ;;
  esac
  case "$at" in
${items.join("\n")}
  esac
  _describe -o "$at" items
}
if [[ "\${funcstack[1]}" == _chatter ]]; then
  _chatter "$@"
else
  compdef _chatter chatter
fi
`;
}
