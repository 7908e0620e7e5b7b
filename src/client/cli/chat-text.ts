import { styleText } from "node:util";

/**
 * What a terminal would obey (the controls C0 but for the tab, C1 and DEL) and what would look like another
 * line or turn the text round (line separators, direction marks).
 */
const unsafe =
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Text from others, harmless on a terminal and in one line: what is unsafe shows as \u001b. */
export function harmless(text: string): string {
  return text.replace(
    unsafe,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Readable on dark and on light. */
const senderColours = [
  "cyan",
  "green",
  "yellow",
  "magenta",
  "blue",
  "red",
  "cyanBright",
  "greenBright",
  "magentaBright",
  "blueBright",
] as const;

/** The sender's name in a colour that is the same each time. */
export function colourSender(sender: string): string {
  let hash = 0;
  for (const character of sender) {
    hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) >>> 0;
  }
  return styleText(senderColours[hash % senderColours.length] ?? "cyan", harmless(sender));
}
