import type { CompletedCommand } from "./completed-command.js";

/** A text as a word of bash or zsh. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Patterns of a `case`, one of which the word must be. */
export function anyOf(words: readonly string[]): string {
  return words.map(quote).join(" | ");
}

/** Each command and option that takes a value, as "chatter history --view". */
export function valuePlaces(
  commands: readonly CompletedCommand[],
  isWanted: (value: unknown) => boolean,
): string[] {
  return commands.flatMap(({ path, options }) =>
    options
      .filter(({ takesValue, value }) => takesValue && isWanted(value))
      .map(({ name }) => `${path} ${name}`),
  );
}

/**
 * Lists the rooms whose names begin with a word of the shell, one a line: with the server and the
 * token of the environment, or the stored token. Without these it lists none.
 */
export function roomsBeginningWith(word: string): string {
  return `chatter rooms --prefix ${word} --output text 2>/dev/null | sed -n 's/^room=\\([^ ]*\\).*/\\1/p'`;
}
